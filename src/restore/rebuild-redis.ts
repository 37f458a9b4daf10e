import { z } from "zod";
import { type Account, type AccountId, WORLD } from "../ledger/account.ts";
import { formatHold, rememberedOf } from "../decide/function-codec.ts";
import type { Commands, RedisNodes } from "../decide/nodes/redis-nodes.ts";
import { headKey, setKeyHours } from "../decide/redis-client.ts";
import { isClientKey } from "../ledger/command.ts";
import { contentHash } from "../ledger/content-hash.ts";
import {
  type CommandEvent,
  commandIdOf,
  formatEvent,
  formatRow,
  isCommandEvent,
  type LedgerEvent,
  parseEvent,
  timeOf,
} from "../ledger/event.ts";
import { formatAccountDetails } from "../ledger/details-text.ts";
import type { EntryKind, NamedId } from "../ledger/entry.ts";
import { placeOfEvent } from "../ledger/event-id.ts";
import type { EventId } from "../ledger/transaction.ts";
import { holdColumns, type HoldRow, keptHold } from "../keep/book-holds.ts";
import type { Sql } from "../keep/postgres-client.ts";
import type { InTransit } from "../keep/transits/in-transit.ts";
import { bounds } from "../bounds.ts";
import { loadFunctions } from "../keep/redis/fill-redis.ts";
import { scanKeys } from "../decide/scan-keys.ts";
import { Loader } from "./loader.ts";
import { loadTransits } from "./load-transits.ts";
import type { System } from "./diagnose.ts";

/** Ids of requests of this period are loaded: it is longer than a request is ever sent again. */
const REQUEST_IDS_SECONDS = 60;

/** As many characters of a description are in the entries of a statement, of the contest's route. */
const STATEMENT_DESCRIPTION_CHARACTERS = 10;

/** Holds that have ended, and reversals, are known to Redis for this long; then to the books alone. */
const ENDED_SECONDS = 24 * 60 * 60;

/** Deletes the ledger from Redis. */
export async function emptyRedis(nodes: RedisNodes): Promise<void> {
  for (const primary of await nodes.primaries())
    for await (const keys of scanKeys(primary, "razonete:{*}:*")) {
      // A cluster takes only keys of one shard in a command.
      const byShard = Map.groupBy(keys, (key) => key.slice(0, key.indexOf("}") + 1));
      for (const some of byShard.values()) await primary.confirmed.sendCommand(["UNLINK", ...some]);
    }
}

/**
 * Loads Redis from the books: accounts, statements, holds, reversals, open parts of transactions across shards with what was
 * decided of them, and the ids of commands that may be sent again. The
 * heads are created last: until then nobody is answered. Rejects if a connection was lost meanwhile: a shard may have
 * another primary then, which lacks some of what the one before was given.
 */
export async function loadRedis(sql: Sql, nodes: RedisNodes, system: System, library: string): Promise<void> {
  await loadFunctions(nodes, library);
  const loader = new Loader(nodes, system.shards);
  await loadAccounts(sql, loader, await loadTransits(sql, loader));
  await loadStatements(sql, loader);
  const now = await clockOf(nodes.shard(0));
  await loadHolds(sql, loader, now);
  await loadReversals(sql, loader, now);
  await loadIds(sql, loader, now, 3600 * system.keyHours);
  await loader.finish();
  for (let shard = 0; shard < system.shards; shard += 1) {
    const [row] = await sql<{ last_g: number; time: number }[]>`
      SELECT last_g, (
        SELECT time FROM journal
        WHERE shard = ${shard} AND NOT starts_with(events[1], 'm ') ORDER BY g DESC LIMIT 1
      ) AS time FROM cursors WHERE shard = ${shard}`;
    const args = [system.epoch, String(system.shards), String(row?.last_g ?? 0)];
    const { confirmed } = nodes.shard(shard);
    await confirmed.sendCommand(["FCALL", "razonete_begin", "1", headKey(shard), ...args]);
    // The machine's clock may be behind the one before: the shard's time goes on from what it has given out.
    await confirmed.sendCommand(["HSET", headKey(shard), "time", String(row?.time ?? 0)]);
    await setKeyHours(confirmed, shard, system.keyHours);
  }
}

async function clockOf(redis: Commands): Promise<number> {
  const [seconds] = z.tuple([z.coerce.number(), z.coerce.number()]).parse(await redis.sendCommand(["TIME"]));
  return seconds * 1_000_000;
}

interface EntryRow {
  readonly account: AccountId;
  readonly seq: number;
  readonly kind: EntryKind;
  readonly value: number;
  readonly balance: number;
  readonly credit_limit: number;
  readonly description: string;
  readonly command: NamedId;
  readonly time: number;
}

async function loadAccounts(sql: Sql, loader: Loader, inTransit: InTransit): Promise<void> {
  const rows = sql<(Account & { readonly opening: string })[]>`
    SELECT a.account AS id, a.unit, a.name, a.metadata, a.opening, a.state, a.credit_limit AS "creditLimit", a.balance, a.held, a.seq,
      coalesce(e.time, a.opened_at) AS time, a.opened_at AS "openedAt"
    FROM accounts AS a LEFT JOIN entries AS e ON e.account = a.account AND e.seq = a.seq`.cursor(
    bounds.load_rows_max,
  );
  for await (const page of rows) {
    for (const account of page) {
      const details = `${account.opening} ${formatAccountDetails(account)}`;
      await loader.addTo(account.id, [
        "a",
        account.id,
        `${formatRow(account)}${inTransit.textOf(account.id)}`,
        details,
      ]);
    }
  }
}

/** How long something is still known that happened at `time`, of those that are known for so long; at least a second. */
function secondsLeft(time: number, now: number, seconds: number): number {
  const left = Math.ceil((time - now) / 1_000_000) + seconds;
  return Math.min(Math.max(left, 1), seconds);
}

async function loadHolds(sql: Sql, loader: Loader, now: number): Promise<void> {
  const rows = sql<HoldRow[]>`
    SELECT ${holdColumns(sql)} FROM holds AS h
    WHERE h.state = 'open' OR h.ended_at > ${now - ENDED_SECONDS * 1_000_000}`.cursor(bounds.load_rows_max);
  for await (const page of rows) {
    for (const row of page) {
      const hold = keptHold(row);
      // 0 stands for an open one.
      const left = row.ended_at === null ? 0 : secondsLeft(row.ended_at, now, ENDED_SECONDS);
      await loader.add(row.shard, ["h", hold.id, formatHold(hold), left]);
    }
  }
}

async function loadReversals(sql: Sql, loader: Loader, now: number): Promise<void> {
  const rows = sql<{ reversed: EventId; reversal: EventId; time: number }[]>`
    SELECT reversed, reversal, time FROM reversals
    WHERE time > ${now - ENDED_SECONDS * 1_000_000}`.cursor(bounds.load_rows_max);
  for await (const page of rows) {
    for (const { reversed, reversal, time } of page) {
      const shard = placeOfEvent("t", reversed)?.shard ?? 0;
      await loader.add(shard, ["v", reversed, reversal, secondsLeft(time, now, ENDED_SECONDS)]);
    }
  }
}

/** In the order in which PostgreSQL finds them fastest: for an order by account it would have to sort millions of rows. */
async function loadStatements(sql: Sql, loader: Loader): Promise<void> {
  const rows = sql<EntryRow[]>`
    SELECT e.account, e.seq, e.kind, e.value, e.balance, e.credit_limit, e.description, e.command, e.time
    FROM accounts AS a JOIN entries AS e
      ON e.account = a.account AND e.seq > a.seq - ${bounds.statement_entries_max}::bigint`.cursor(
    bounds.load_rows_max,
  );
  for await (const page of rows) {
    for (const row of page)
      await loader.addTo(row.account, ["s", row.account, 1, row.seq, formatEvent(entryEvent(row))]);
  }
}

/**
 * What was decided under clients' keys as long as they are remembered, and under requests' ids just now.
 *
 * @param now the time of Redis's clock, from which the times in the books are
 * @param keySeconds for how long keys are remembered
 */
async function loadIds(sql: Sql, loader: Loader, now: number, keySeconds: number): Promise<void> {
  const keysFrom = now - keySeconds * 1_000_000;
  const requestsFrom = now - REQUEST_IDS_SECONDS * 1_000_000;
  // In order: where a key was decided anew after its memory was lost, the latest outcome counts. An id may be behind a name.
  // What has ended a hold names it third. It is as that has left it, since then it does not change any more.
  const rows = sql<{ shard: number; g: number; place: number; text: string; hold: HoldRow | null }[]>`
    SELECT j.shard, j.g, (e.place - 1)::integer AS place, e.text, to_json(h) AS hold
    FROM cursors AS c JOIN journal AS j ON j.shard = c.shard AND j.g >= first_g(c.shard, c.last_g, ${keysFrom})
    CROSS JOIN unnest(j.events) WITH ORDINALITY AS e (text, place)
    LEFT JOIN LATERAL (
      SELECT ${holdColumns(sql)} FROM holds AS h
      WHERE h.shard = j.shard
        AND h.g = CASE WHEN e.text ~ '^[pr] ' THEN split_part(split_part(e.text, ' ', 3), '-', 2)::bigint END
        AND h.event = CASE WHEN e.text ~ '^[pr] ' THEN split_part(split_part(e.text, ' ', 3), '-', 3)::integer END
    ) AS h ON true
    WHERE j.time > ${keysFrom} AND (j.time > ${requestsFrom} OR e.text LIKE '%key:%' OR e.text LIKE '%bat:%')
    ORDER BY j.shard, j.g, e.place`.cursor(bounds.load_rows_max);
  for await (const page of rows) {
    for (const { shard, g, place, text, hold } of page) {
      const event = parseEvent(text);
      if (!isCommandEvent(event)) continue;
      const id = commandIdOf(event);
      if (id === null) continue;
      const outcome = rememberedOf(event, { g, index: place }, hold === null ? null : keptHold(hold));
      if (!isClientKey(id)) {
        if (timeOf(event) > requestsFrom) await loader.add(shard, ["r", id, outcome]);
        continue;
      }
      const seconds = secondsLeft(timeOf(event), now, keySeconds);
      await loader.add(shard, ["k", id, contentOf(event) ?? "", outcome, seconds]);
    }
  }
}

/** The hash of what the event's command asked for. */
function contentOf(event: CommandEvent): string | null {
  switch (event.type) {
    case "entry":
      return contentHash({ type: "transact", ...event.entry });
    case "transaction":
      return event.content ?? contentOfTransact(event);
    case "open":
    case "change":
    case "hold":
    case "capture":
    case "release":
    case "refusal":
      return event.content;
  }
}

/** That of a transaction of the contest's route on an account with holds: its event says all but the hash. */
function contentOfTransact({
  postings,
  description,
}: Extract<LedgerEvent, { readonly type: "transaction" }>): string | null {
  const [posting] = postings;
  if (posting === undefined) return null;
  const { from, to, amount: value } = posting;
  const [account, kind] = from === WORLD ? ([to, "credit"] as const) : ([from, "debit"] as const);
  return contentHash({ type: "transact", account, kind, value, description: description ?? "" });
}

/** As the function in Redis writes it. */
function entryEvent({ command, credit_limit: creditLimit, ...entry }: EntryRow): LedgerEvent {
  const description = Array.from(entry.description).slice(0, STATEMENT_DESCRIPTION_CHARACTERS).join("");
  return { type: "entry", entry: { ...entry, description, id: command }, creditLimit };
}
