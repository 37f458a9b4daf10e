import { z } from "zod";
import type { RedisStand } from "../../support/redis-under-test.ts";

/** Calls of the functions as the head of ledger.lua describes them, without the program's own encoding. */

/** kind, id, account, amount, content, text */
export type Arguments = readonly [string, string, string, string, string, string];

export function creditOf(
  account: number | string,
  value: number | string,
  id: string,
  content = "",
): Arguments {
  return ["c", id, String(account), String(value), content, "text"];
}

export function debitOf(
  account: number | string,
  value: number | string,
  id: string,
  content = "",
): Arguments {
  return ["d", id, String(account), String(value), content, "text"];
}

export function openOf(
  account: string,
  limit: number | string,
  id: string,
  { content = "", name = "" } = {},
): Arguments {
  const details = name === "" ? "" : JSON.stringify({ name });
  return ["o", id, account, String(limit), content, JSON.stringify({ unit: "BRL/2", opening: "h", details })];
}

export function limitOf(
  account: number | string,
  limit: number | string,
  id: string,
  content = "",
): Arguments {
  return ["a", id, String(account), "", content, `{"limit":${limit}}`];
}

export function holdOf(
  from: string,
  amount: number,
  id: string,
  { content = "", to = "@world", seconds = 600 } = {},
): Arguments {
  return ["h", id, from, String(amount), content, `${to} ${seconds} `];
}

/** Decided as a whole. */
export function groupOf(...commands: readonly Arguments[]): readonly Arguments[] {
  return [["[", "", "", "", "", ""], ...commands, ["]", "", "", "", "", ""]];
}

const replyOfApply = z.tuple([z.string(), z.coerce.number()]).rest(z.string());

/** @returns g, the events of the holds that were due, and what became of each command */
export async function apply(
  stand: RedisStand,
  commands: readonly Arguments[],
  { epoch = "test", gMin = 0, outboxMax = 1_000 } = {},
): Promise<{ readonly g: string; readonly ended: readonly string[]; readonly outcomes: readonly string[] }> {
  const args = [epoch, String(gMin), String(outboxMax), ...commands.flat()];
  const [g, due, ...rest] = replyOfApply.parse(await stand.call("razonete_apply", args));
  return { g, ended: rest.slice(0, due), outcomes: rest.slice(due) };
}

/** Everything that Redis holds: for each key its type, whether it goes away by itself, and what is in it. */
export async function snapshot(stand: RedisStand): Promise<Readonly<Record<string, unknown>>> {
  const keys = z.array(z.string()).parse(await stand.command(["KEYS", "*"]));
  const entries = keys.toSorted().map(async (key) => {
    const type = z.string().parse(await stand.command(["TYPE", key]));
    const ttl = z.number().parse(await stand.command(["TTL", key]));
    const [before, after] = READ[type] ?? [[], []];
    const value = await stand.command([...before, key, ...after]);
    const info = type === "stream" ? await stand.command(["XINFO", "STREAM", key]) : null;
    return [key, { type, expires: ttl >= 0, value, info }] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

const READ: Readonly<Record<string, readonly [readonly string[], readonly string[]]>> = {
  string: [["GET"], []],
  hash: [["HGETALL"], []],
  zset: [["ZRANGE"], ["0", "-1", "WITHSCORES"]],
  list: [["LRANGE"], ["0", "-1"]],
  stream: [["XRANGE"], ["-", "+"]],
};
