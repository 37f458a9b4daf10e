import { z } from "zod";
import { WORLD } from "../../../src/ledger/account.ts";
import { shardOf } from "../../../src/ledger/account-id.ts";
import { parseEvent } from "../../../src/ledger/event.ts";
import type { RedisStand } from "../../support/redis-under-test.ts";

// All keys at one moment. Three lists: keys of accounts and their rows; of open parts and their events; of attempts that home
// knows, and what it does.
const SNAPSHOT = `
local found = {}
for index, pattern in ipairs({ 'razonete:*:account:*', 'razonete:*:part:*', 'razonete:*:transit:*' }) do
  found[index] = {}
  for _, key in ipairs(redis.call('KEYS', pattern)) do
    table.insert(found[index], key)
    table.insert(found[index], redis.call('GET', key))
  end
end
return found`;

const reply = z.tuple([z.array(z.string()), z.array(z.string()), z.array(z.string())]);

/** What is in Redis at one moment. */
export interface Moment {
  /** What all accounts have together. */
  readonly balances: number;
  /** What was decided, and has not moved yet on the shards of open parts: what they will have from it. */
  readonly inTransit: number;
  /** Accounts that have spent more than they may, with what is set aside. */
  readonly overdrawn: readonly string[];
  readonly openParts: number;
}

/** Money is there once at each moment: in a balance, or in transit. */
export async function readMoment(stand: RedisStand): Promise<Moment> {
  const [accounts, parts, transits] = reply.parse(await stand.command(["EVAL", SNAPSHOT, "0"]));
  let balances = 0;
  const overdrawn: string[] = [];
  for (const [key, row] of pairs(accounts)) {
    const [limit = 0, balance = 0, held = 0] = row.split(" ", 3).map(Number);
    balances += balance;
    if (balance - held < -limit) overdrawn.push(`${key}: ${row}`);
  }
  const known = new Map(pairs(transits).map(([key, text]) => [lastOf(key), text]));
  let inTransit = 0;
  for (const [key, text] of pairs(parts)) {
    const attempt = lastOf(key);
    const decision = known.get(attempt) ?? "-";
    const event = parseEvent(text);
    if (decision === "-" || event.type !== "part") continue;
    const own = Number(/\{(\d+)\}/.exec(key)?.[1]);
    const isOwn = (party: string): boolean => party !== WORLD && shardOf(party, stand.books.shards) === own;
    for (const { from, to, amount } of event.postings)
      inTransit += (isOwn(to) ? amount : 0) - (isOwn(from) ? amount : 0);
  }
  return { balances, inTransit, overdrawn, openParts: parts.length / 2 };
}

function pairs(list: readonly string[]): (readonly [string, string])[] {
  return list.flatMap((key, index) => (index % 2 === 0 ? [[key, list[index + 1] ?? ""] as const] : []));
}

/** Of a key: what is behind its last colon. */
function lastOf(key: string): string {
  return key.slice(key.lastIndexOf(":") + 1);
}
