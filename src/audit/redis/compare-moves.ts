import { randomBytes } from "node:crypto";
import { formatHold, parseHold } from "../../decide/function-codec.ts";
import type { Sql } from "../../keep/postgres-client.ts";
import { endedHold, holdOf } from "../../ledger/event-results.ts";
import { eventId, placeOfEvent } from "../../ledger/event-id.ts";
import type { EventId } from "../../ledger/transaction.ts";
import { bounds } from "../../bounds.ts";
import { AccountTable } from "../books/account-table.ts";
import { inSnapshot } from "../books/books-snapshot.ts";
import type { BooksMetadata } from "../books/books-metadata.ts";
import type { AwaitedSide } from "../books/books-transits.ts";
import {
  holdsNow,
  type KeptHold,
  keptHolds,
  type KeptReversal,
  keptReversals,
  reversalsNow,
} from "../books/kept-moves.ts";
import { parseDecision, type QueryBooks, quote } from "../events.ts";
import type { Findings } from "../findings.ts";
import { TextHash } from "../journal/text-hash.ts";
import type { KeySpill } from "../spill/key-spill.ts";
import type { OutboxSpill } from "../spill/outbox-spill.ts";
import { POSTGRES, requireReachable } from "../unreachable-server.ts";
import { compareHome } from "./compare-home.ts";
import { compareDecisions, comparePart, findAwaited, openAttempts, partsNow } from "./compare-transits.ts";
import { reportLostBatchFlag } from "./lost-batch-flag.ts";
import { readOutbox } from "./read-outbox.ts";
import type { RedisReader } from "./redis-reader.ts";
import { Versions } from "./versions.ts";

export interface CompareMovesOptions {
  readonly sql: Sql;
  readonly queryBooks: QueryBooks;
  readonly redis: RedisReader;
  readonly system: BooksMetadata;
  /** Those that Redis has in the epoch of the books. */
  readonly shards: readonly number[];
  /** Gets the keys that are to be compared together with the outbox. */
  readonly changing: KeySpill;
  /** What the outboxes have to have of transactions across shards. */
  readonly awaited: readonly AwaitedSide[];
  readonly findings: Findings;
}

const DAY_MICROS = 86_400_000_000;
/** What has ended is forgotten after a day, by a clock that may have been set by so much meanwhile. */
const CLOCK_MICROS = 3_600_000_000;
const MOVE_KEY = /^razonete:\{(\d+)\}:((?:hold|part|reversed):.*)$/s;

/** What Redis has of a hold or a reversal, and what is known of the time when it was read. */
interface Observed {
  readonly text: string | null;
  /** When it expires, by the set of expiries; `null`: it is not there. */
  readonly expiry: string | null;
  /** Redis had this batch by then. */
  readonly knownG: number;
  /** Redis's clock. */
  readonly now: number;
}

/**
 * Compares the holds, their expiries, the reversals and the open parts in Redis with the books: first all that the books have; most of it
 * does not change meanwhile. What differs, what Redis has besides, and what the outbox has events about is then compared
 * with all that it may have been when Redis was read: by a later state of the books, and the outbox.
 */
export class CompareMoves {
  readonly #options: CompareMovesOptions;
  readonly #findings: Findings;
  /** The keys that were found to be right. */
  readonly #right = new AccountTable(0);
  readonly #hash = new TextHash(randomBytes(8).readBigInt64BE());

  constructor(options: CompareMovesOptions) {
    this.#options = options;
    this.#findings = options.findings;
  }

  /** Compares what the books have. */
  async compareKept(): Promise<void> {
    const { sql, redis, shards } = this.#options;
    const [count, since] = [bounds.audit_chunk_moves, (await redis.micros(0)) - DAY_MICROS - CLOCK_MICROS];
    const compare = inSnapshot(sql, async (books) => {
      for await (const page of keptHolds(books.query, since, count)) {
        for (const shard of shards)
          await this.#compareHolds(
            shard,
            page.filter((hold) => hold.shard === shard),
          );
      }
      for await (const page of keptReversals(books.query, since, count)) {
        for (const shard of shards)
          await this.#compareReversals(
            shard,
            page.filter(({ reversed }) => shardOf("t", reversed) === shard),
          );
      }
    });
    await requireReachable(POSTGRES, compare);
  }

  /** Takes a key of Redis. What was not found to be right is compared later. */
  take(key: string): void {
    const [, shardText, name = ""] = MOVE_KEY.exec(key) ?? [];
    const shard = Number(shardText);
    if (this.#options.shards.includes(shard)) this.#addUnlessRight(shard, name);
  }

  /** Adds a key, without the shard's prefix, that is to be compared whatever was found before. */
  add(shard: number, key: string): void {
    this.#options.changing.add(shard, key);
  }

  /** Compares what is left of a shard, with its outbox as read so far. */
  async compareChanging(shard: number, outbox: OutboxSpill): Promise<void> {
    const { changing, redis, queryBooks, awaited, findings } = this.#options;
    for await (const ids of redis.members(shard, "expiries"))
      for (const id of ids) this.#addUnlessRight(shard, `hold:${id}`);
    for await (const ids of redis.members(shard, "parts"))
      for (const id of ids) this.add(shard, `part:${id}`);
    for (const id of await openAttempts(queryBooks, shard)) this.add(shard, `part:${id}`);
    outbox.addMoves();
    for (;;) {
      const keys = changing.take(shard, bounds.audit_chunk_moves);
      if (keys.length === 0) break;
      if (!(await this.#compareSome(shard, keys, outbox))) return;
    }
    await compareDecisions(shard, { queryBooks, redis, findings });
    await compareHome(shard, { queryBooks, redis, outbox, findings });
    await findAwaited(
      awaited.filter((one) => one.shard === shard),
      outbox,
      queryBooks,
      findings,
    );
  }

  async #compareHolds(shard: number, holds: readonly KeptHold[]): Promise<void> {
    if (holds.length === 0) return;
    const keys = holds.map(({ id }) => `hold:${id}`);
    const { texts, expiries, now } = await this.#options.redis.moves(shard, keys);
    for (const [index, hold] of holds.entries()) {
      const key = keys[index] ?? "";
      const { end } = hold;
      const isForgotten = texts[index] === null && end !== null && mayBeForgotten(end.time, now);
      const isSame = isForgotten || texts[index] === (end?.text ?? hold.open);
      if (isSame && expiries[index] === (end === null ? hold.expiresAt : null)) this.#setRight(key);
      else this.#options.changing.add(shard, key);
    }
  }

  async #compareReversals(shard: number, reversals: readonly KeptReversal[]): Promise<void> {
    if (reversals.length === 0) return;
    const keys = reversals.map(({ reversed }) => `reversed:${reversed}`);
    const { texts, now } = await this.#options.redis.moves(shard, keys);
    for (const [index, { reversal, time }] of reversals.entries()) {
      const key = keys[index] ?? "";
      const isForgotten = texts[index] === null && mayBeForgotten(time, now);
      if (isForgotten || texts[index] === reversal) this.#setRight(key);
      else this.#options.changing.add(shard, key);
    }
  }

  #setRight(key: string): void {
    this.#right.add(this.#hash.ofText(key));
  }

  #addUnlessRight(shard: number, key: string): void {
    if (this.#right.numberOf(this.#hash.ofText(key)) === -1) this.#options.changing.add(shard, key);
  }

  /** @returns whether Redis still has the same data, so that the comparison can go on */
  async #compareSome(shard: number, keys: readonly string[], outbox: OutboxSpill): Promise<boolean> {
    const { redis, queryBooks, system } = this.#options;
    const [kept] = await queryBooks(`SELECT last_g::text FROM cursors WHERE shard = ${shard}`, []);
    const knownG = Math.max(Number(kept?.["last_g"] ?? 0), outbox.lastG);
    const { texts, expiries, listed, now } = await redis.moves(shard, keys);
    const head = await redis.head(shard);
    if (head?.epoch !== system.epoch) {
      const detail = `shard ${shard} in Redis became another one during the audit`;
      this.#findings.add("redis-other", null, null, detail);
      return false;
    }
    if (reportLostBatchFlag(shard, head, this.#findings)) return false;
    // The outbox before the books: what was decided by now is in one of the two.
    await readOutbox(redis, shard, outbox);
    const holds = await holdsNow(queryBooks, shard, idsIn(keys, "hold:"));
    const reversals = await reversalsNow(queryBooks, shard, idsIn(keys, "reversed:"));
    const parts = await partsNow(queryBooks, shard, idsIn(keys, "part:"));
    for (const [index, key] of keys.entries()) {
      const [attempt = ""] = idsIn([key], "part:");
      if (attempt !== "") {
        const part = { text: texts[index] ?? null, listed: listed[index] ?? null, knownG };
        comparePart(attempt, parts, outbox, part, this.#findings);
        continue;
      }
      const observed = { text: texts[index] ?? null, expiry: expiries[index] ?? null, knownG, now };
      const [id = ""] = idsIn([key], "hold:");
      const [reversed = ""] = idsIn([key], "reversed:");
      if (id !== "") this.#compareHold(shard, id, holds, outbox, observed);
      else this.#compareReversal(shard, reversed, reversals, outbox, observed);
    }
    return true;
  }

  #compareHold(
    shard: number,
    id: EventId,
    { cursor, found }: Awaited<ReturnType<typeof holdsNow>>,
    outbox: OutboxSpill,
    observed: Observed,
  ): void {
    const hold = this.#withOutbox(shard, id, found.get(id) ?? null, outbox, cursor);
    const { text, expiry, knownG, now } = observed;
    const differs = (detail: string): void =>
      this.#findings.add("redis-differs", hold?.account ?? null, null, detail, detail);
    if (hold === null) {
      const what = text === null ? "an expiry of the hold" : "the hold";
      if (text !== null || expiry !== null)
        differs(`Redis has ${what} ${id}, neither the books nor the outbox do`);
      return;
    }
    const { end } = hold;
    const [rows, times] = [new Versions(), new Versions()];
    rows.add(hold.g, hold.open);
    times.add(hold.g, hold.expiresAt);
    if (end !== null) {
      rows.add(end.g, end.text);
      times.add(end.g, null);
    }
    if (text === null && !rows.mayBe(null, knownG)) {
      if (end === null) differs(`Redis does not have the hold ${id}, which is open`);
      else if (!mayBeForgotten(end.time, now))
        differs(`Redis does not have the hold ${id}, which has ended less than a day ago`);
    } else if (!rows.mayBe(text, knownG)) {
      const has = quote(text ?? "");
      differs(`Redis has the hold ${id} as ${has}, books and outbox have ${quote(rows.latest ?? "")}`);
    }
    if (times.mayBe(expiry, knownG)) return;
    if (expiry === null)
      differs(`Redis has no expiry of the hold ${id}, which is open: it would be held for ever`);
    else if (end === null)
      differs(`Redis lets the hold ${id} expire at ${expiry}, books and outbox at ${hold.expiresAt}`);
    else differs(`Redis has an expiry of the hold ${id}, which has ended`);
  }

  /** The hold as it is after the outbox. */
  #withOutbox(
    shard: number,
    id: EventId,
    kept: KeptHold | null,
    outbox: OutboxSpill,
    cursor: number,
  ): KeptHold | null {
    let hold = kept;
    for (const { g, at: index, text } of outbox.movesOf(`hold:${id}`, cursor)) {
      const event = parseDecision(text);
      const place = { shard, g, index };
      if (event?.type === "hold") {
        const made = holdOf(event, place);
        const [account, expiresAt] = [made.from, String(made.expiresAt)];
        hold = { id, account, g, expiresAt, open: formatHold(made), end: null };
      } else if (event?.type === "capture" || event?.type === "release" || event?.type === "expiry") {
        if (hold === null || hold.end !== null) {
          const what = hold === null ? "is not there" : "has ended";
          const detail = `batch ${g} of the outbox has a ${event.type} of the hold ${id}, which ${what}`;
          this.#findings.add("hold-broken", hold?.account ?? null, null, detail, detail);
          continue;
        }
        const ended = formatHold(endedHold(parseHold(id, hold.open), event, place));
        hold = { ...hold, end: { g, time: event.time, text: ended } };
      }
    }
    return hold;
  }

  #compareReversal(
    shard: number,
    reversed: EventId,
    { cursor, found }: Awaited<ReturnType<typeof reversalsNow>>,
    outbox: OutboxSpill,
    { text, knownG, now }: Observed,
  ): void {
    const differs = (detail: string): void => this.#findings.add("redis-differs", null, null, detail);
    let kept = found.get(reversed) ?? null;
    for (const { g, at, text: eventText } of outbox.movesOf(`reversed:${reversed}`, cursor)) {
      const event = parseDecision(eventText);
      if (event?.type !== "transaction") continue;
      if (kept === null) {
        kept = { reversed, reversal: eventId("t", shard, g, at, event.time), time: event.time };
        continue;
      }
      const detail = `batch ${g} of the outbox reverses the transaction ${reversed} a second time, after ${kept.reversal}`;
      this.#findings.add("reversal-broken", null, null, detail);
    }
    if (kept === null) {
      if (text !== null)
        differs(`Redis has ${quote(text)} as the reversal of ${reversed}, books and outbox know of none`);
      return;
    }
    const { reversal, time } = kept;
    const versions = new Versions();
    versions.add(placeOfEvent("t", reversal)?.g ?? 0, reversal);
    if (versions.mayBe(text, knownG)) return;
    if (text !== null)
      differs(`Redis has ${quote(text)} as the reversal of ${reversed}, books and outbox have ${reversal}`);
    else if (!mayBeForgotten(time, now))
      differs(`Redis does not know that the transaction ${reversed} was reversed, by ${reversal}`);
  }
}

/** Redis forgets it a day after it has ended. */
function mayBeForgotten(time: number, now: number): boolean {
  return time < now - DAY_MICROS + CLOCK_MICROS;
}

function idsIn(keys: readonly string[], prefix: "hold:" | "part:" | "reversed:"): EventId[] {
  return keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
}

function shardOf(letter: "t" | "h", id: EventId): number | null {
  return placeOfEvent(letter, id)?.shard ?? null;
}
