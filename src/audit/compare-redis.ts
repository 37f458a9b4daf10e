import type { Sql } from "../keep/connect.ts";
import { integers } from "../keep/pg-array.ts";
import type { OutboxEntry } from "../decide/redis-client.ts";
import { limits } from "../limits.ts";
import { inSnapshot, type Row, type Snapshot } from "./books-snapshot.ts";
import type { System } from "./books-system.ts";
import { CompareFeed, holdAgainstBooks } from "./compare-feed.ts";
import { decidedOf } from "./decided.ts";
import { accountOf, type Ask, EVENT_OF_ENTRY, eventOf } from "./events.ts";
import { readFeed } from "./feed-side.ts";
import type { Findings } from "./findings.ts";
import { looking, NATS, POSTGRES } from "./looking.ts";
import { compareAccount } from "./redis-account.ts";
import type { Found, Head, RedisSide } from "./redis-side.ts";
import { type Work, WORK_OF_COMPARISON } from "./work.ts";

export interface CompareOptions {
  readonly sql: Sql;
  readonly redis: RedisSide;
  readonly system: System;
  readonly findings: Findings;
  /** The comparison of all accounts is planned in it. */
  readonly work: Work;
}

export interface Compared {
  readonly outboxEntries: number;
  readonly feedBatches: number;
  readonly statements: number;
}

const CHUNKS_BETWEEN_COLLECTIONS = 40;

interface Known {
  readonly account: number;
  /** In the books, before Redis is read; `null`: only the outbox has it. */
  readonly keptSeq: number | null;
}

/**
 * Holds Redis and the feed against the books. Most accounts do not change in the moment of their comparison and are
 * done with at once; the others are compared once more, together with the outbox. See {@link auditCluster} for the order
 * in which the places are read: all of it leans on that.
 */
export class CompareRedis {
  readonly #options: CompareOptions;
  readonly #findings: Findings;
  /** Of each shard the accounts that are to be compared with the outbox. */
  readonly #moving = new Map<number, Known[]>();
  readonly #feed: CompareFeed;
  #outboxEntries = 0;
  #statements = 0;

  constructor(options: CompareOptions) {
    this.#options = options;
    this.#findings = options.findings;
    this.#feed = new CompareFeed(options.system.epoch, options.findings);
  }

  async compare(natsUrl: string | null): Promise<Compared> {
    const shards: number[] = [];
    for (let shard = 0; shard < this.#options.system.shards; shard += 1) {
      if (await this.#isComparable(shard)) shards.push(shard);
    }
    for (const shard of shards) await this.#compareAll(shard);
    if (natsUrl !== null) {
      const take = this.#feed.take.bind(this.#feed);
      await looking(
        NATS,
        readFeed(natsUrl, (messages) => take(messages, this.#ask)),
      );
    }
    for (const shard of shards) {
      const moving = this.#moving.get(shard) ?? [];
      // At least once: the outbox is held against the books even where nothing moves.
      for (let at = 0; at === 0 || at < moving.length; at += limits.audit_moving_accounts) {
        await this.#compareMoving(shard, moving.slice(at, at + limits.audit_moving_accounts), at === 0);
      }
    }
    return {
      outboxEntries: this.#outboxEntries,
      feedBatches: this.#feed.compared,
      statements: this.#statements,
    };
  }

  /** Whether Redis holds the shard as the books know it; what is another ledger's is read no further. */
  async #isComparable(shard: number): Promise<boolean> {
    const { redis, system } = this.#options;
    const head = await redis.head(shard);
    if (head === null) {
      this.#findings.add("redis-other", null, null, `Redis holds nothing of shard ${shard}`);
      return false;
    }
    if (head.epoch !== system.epoch) {
      const detail = `shard ${shard} in Redis is of epoch ${head.epoch}, the books are of ${system.epoch}`;
      this.#findings.add("redis-other", null, null, detail);
      return false;
    }
    return !this.#isMarked(shard, head);
  }

  /** Whether Redis was told that it has lost what was answered: from then on it answers nobody, nor an audit. */
  #isMarked(shard: number, { g, lost, other }: Head): boolean {
    if (lost === null) return false;
    const wayOut = "it answers nobody: give Redis its data back, or run razonete restore";
    if (lost > g) {
      const detail = `Redis ends shard ${shard} at batch ${g}, up to ${lost} was answered; ${wayOut}`;
      this.#findings.add("redis-older", null, null, detail);
      return true;
    }
    const what =
      other === null
        ? `batch ${lost} was answered and is gone, though Redis is at ${g} by now`
        : `batch ${other} was answered, and another one has its number now`;
    this.#findings.add("redis-other", null, null, `in shard ${shard} ${what}; ${wayOut}`);
    return true;
  }

  /** The accounts that the books have, in chunks, a few at once: so that nobody waits for the other. */
  async #compareAll(shard: number): Promise<void> {
    const { shards } = this.#options.system;
    const running = new Set<Promise<void>>();
    let last = 0;
    let chunks = 0;
    for (;;) {
      const rows = await this.#ask(
        `SELECT account, seq FROM accounts WHERE account > $1::text::bigint AND account % ${shards} = ${shard}
         ORDER BY account LIMIT ${limits.audit_chunk_accounts}`,
        [String(last)],
      );
      const chunk = rows.map((row) => ({ account: Number(row["account"]), keptSeq: Number(row["seq"]) }));
      if (chunk.length === 0) break;
      last = chunk.at(-1)?.account ?? last;
      chunks += 1;
      // As for the rows of the books, see copy-rows.ts.
      if (chunks % CHUNKS_BETWEEN_COLLECTIONS === 0) Bun.gc(true);
      const done = this.#compareChunk(shard, chunk)
        .then(() => this.#options.work.did(chunk.length * WORK_OF_COMPARISON))
        .finally(() => running.delete(done));
      // Whoever waits for all of them is told of the first failure; the others are not unhandled meanwhile.
      done.catch(() => {});
      running.add(done);
      if (running.size >= limits.audit_chunks_at_once_max) await Promise.race(running);
    }
    await Promise.all(running);
  }

  async #compareChunk(shard: number, chunk: readonly Known[]): Promise<void> {
    const numbers = chunk.map(({ account }) => account);
    const found = await this.#options.redis.read(this.#options.system.epoch, shard, numbers);
    // It is told at the end, where Redis is looked at once more.
    if (found === null) return;
    const same = await this.#sameInBooks(numbers, found);
    for (const [index, known] of chunk.entries()) {
      // Whatever becomes of it: Redis showed a statement.
      if (typeof found[index] === "object") this.#statements += 1;
      if (same.has(known.account)) continue;
      const moving = this.#moving.get(shard);
      if (moving === undefined) this.#moving.set(shard, [known]);
      else moving.push(known);
    }
  }

  /** Of these accounts those that Redis showed exactly as the books have them a moment later, statements and all. */
  async #sameInBooks(accounts: readonly number[], found: readonly Found[]): Promise<Set<number>> {
    const rows = await this.#ask(
      `SELECT a.account, concat_ws(' ', a.seq, a.balance, a.credit_limit, a.name) AS standing, (
         SELECT string_agg(${EVENT_OF_ENTRY}, E'\\n' ORDER BY e.seq DESC) FROM entries AS e
         WHERE e.account = a.account AND e.seq > a.seq - ${limits.statement_entries_max} AND e.seq <= a.seq
       ) AS statement
       FROM accounts AS a WHERE a.account = ANY($1::text::bigint[])`,
      [integers(accounts, (account) => account)],
    );
    const kept = new Map(
      rows.map((row) => [Number(row["account"]), `${row["standing"]}\n${row["statement"] ?? ""}`]),
    );
    const same = new Set<number>();
    for (const [index, account] of accounts.entries()) {
      const shown = found[index];
      if (shown === undefined || typeof shown === "string" || "unreadable" in shown) continue;
      const standing = [shown.seq, shown.balance, shown.limit, ...(shown.name === "" ? [] : [shown.name])];
      if (kept.get(account) === `${standing.join(" ")}\n${shown.statement.join("\n")}`) same.add(account);
    }
    return same;
  }

  /** Redis, the outbox, a later moment of the books, and Redis again; then all is compared. */
  async #compareMoving(shard: number, moving: readonly Known[], first: boolean): Promise<void> {
    const { redis, sql, system } = this.#options;
    const findings = this.#findings;
    const numbers = moving.map(({ account }) => account);
    const known = await this.#knownNow(moving);
    const found = await redis.read(system.epoch, shard, numbers);
    const head = await redis.head(shard);
    const outbox = await redis.outbox(shard);
    const compareAll = async (books: Snapshot): Promise<void> => {
      const again = await redis.read(system.epoch, shard, numbers);
      const headAfter = await redis.head(shard);
      const becameAnother = head?.epoch !== system.epoch || headAfter?.epoch !== system.epoch;
      if (!becameAnother && this.#isMarked(shard, headAfter)) return;
      if (becameAnother || found === null || again === null) {
        const detail = `shard ${shard} in Redis became another one during the audit`;
        findings.add("redis-other", null, null, detail);
        return;
      }
      const { cursor, seenG } = await cursorOf(books, shard);
      const waiting = outbox.filter(({ g }) => g > cursor);
      const seqs = moving.map(({ account }, index) => ({ account, seq: seqOf(found[index]) }));
      const touched = accountsOf(waiting).filter((account) => !numbers.includes(account));
      const wanted = [...seqs, ...touched.map((account) => ({ account, seq: 0 }))];
      const decided = await decidedOf(books, wanted, waiting, findings);
      for (const [index, { account, keptSeq }] of known.entries()) {
        const seen = { account, keptSeq, found: found[index] ?? "missing", again: again[index] ?? "missing" };
        compareAccount(seen, decided.get(account), findings);
      }
      if (!first) return;
      this.#outboxEntries += entriesIn(waiting);
      this.#compareOutbox(shard, { head, headAfter, cursor, seenG, waiting });
      await this.#compareNumbers(shard, { head, headAfter }, new Set(decided.keys()), books.query);
      const kept = outbox.filter(({ g }) => g <= cursor);
      await holdAgainstBooks("the outbox", kept, books.query, findings);
      await this.#feed.end({ shard, cursor, waiting, headG: headAfter.g }, books.query);
    };
    await looking(POSTGRES, inSnapshot(sql, compareAll));
  }

  #compareOutbox(
    shard: number,
    {
      head,
      headAfter,
      cursor,
      seenG,
      waiting,
    }: { head: Head; headAfter: Head; cursor: number; seenG: number; waiting: readonly OutboxEntry[] },
  ): void {
    const findings = this.#findings;
    if (headAfter.g < cursor) {
      const detail = `shard ${shard} in Redis ends at batch ${headAfter.g}, the books have ${cursor}`;
      findings.add("redis-older", null, null, detail);
    } else if (headAfter.g < seenG) {
      const detail =
        `shard ${shard} in Redis ends at batch ${headAfter.g}, up to ${seenG} was answered, as the books have noted; ` +
        "no API becomes ready: give Redis its data back, or run razonete restore";
      findings.add("redis-older", null, null, detail);
    }
    let expected = cursor + 1;
    const gap = (to: number): void => {
      const which = to === expected ? `batch ${to} is` : `batches ${expected} to ${to} are`;
      findings.add(
        "outbox-gap",
        null,
        null,
        `${which} neither in the outbox nor in the books (shard ${shard})`,
      );
    };
    for (const { g } of waiting) {
      if (g > expected) gap(g - 1);
      expected = g + 1;
    }
    if (head.g >= expected) gap(head.g);
  }

  /** Redis gives out the numbers of accounts: it may hold none that neither the books nor the outbox know. */
  async #compareNumbers(
    shard: number,
    { head, headAfter }: { head: Head; headAfter: Head },
    decided: ReadonlySet<number>,
    ask: Ask,
  ): Promise<void> {
    const { redis, system } = this.#options;
    const [row] = await ask(
      `SELECT max(account)::text AS last FROM accounts WHERE account % ${system.shards} = ${shard}`,
      [],
    );
    const last = Math.max(
      Number(row?.["last"] ?? 0),
      ...[...decided].filter((n) => n % system.shards === shard),
    );
    const between: number[] = [];
    const first = last === 0 ? shard || system.shards : last + system.shards;
    for (
      let number = first;
      number < head.next && between.length < limits.audit_rows_named_max;
      number += system.shards
    )
      between.push(number);
    const found = await redis.read(system.epoch, shard, between);
    for (const [index, account] of between.entries()) {
      if (found?.[index] === "missing") continue;
      this.#findings.add(
        "redis-differs",
        account,
        null,
        "Redis has the account, neither the books nor the outbox do",
      );
    }
    if (headAfter.next <= last) {
      const detail = `the next account that Redis opens is ${headAfter.next}, which is there already`;
      this.#findings.add("redis-differs", headAfter.next, null, detail);
    }
  }

  /** The accounts as the books have them by now: what Redis shows next may not be older than that. */
  async #knownNow(moving: readonly Known[]): Promise<Known[]> {
    const rows = await this.#ask(
      "SELECT account, seq FROM accounts WHERE account = ANY($1::text::bigint[])",
      [integers(moving, ({ account }) => account)],
    );
    const seqs = new Map(rows.map((row) => [Number(row["account"]), Number(row["seq"])]));
    return moving.map(({ account }) => ({ account, keptSeq: seqs.get(account) ?? null }));
  }

  readonly #ask = (query: string, parameters: readonly (string | number | null)[]): Promise<Row[]> =>
    looking(POSTGRES, this.#options.sql.unsafe<Row[]>(query, [...parameters], { prepare: true }));
}

/** Books that are older than the column have noted nothing. */
async function cursorOf(books: Snapshot, shard: number): Promise<{ cursor: number; seenG: number }> {
  const [row] = await books.query(
    `SELECT last_g, to_jsonb(c) ->> 'seen_g' AS seen_g FROM cursors AS c WHERE shard = ${shard}`,
  );
  return { cursor: Number(row?.["last_g"] ?? 0), seenG: Number(row?.["seen_g"] ?? 0) };
}

function entriesIn(batches: readonly OutboxEntry[]): number {
  return batches.reduce((sum, { events }) => sum + events.filter((text) => /^[cd]/.test(text)).length, 0);
}

function seqOf(found: Found | undefined): number {
  if (found === undefined || typeof found === "string" || "unreadable" in found) return 0;
  const seq = Number(found.seq);
  return Number.isSafeInteger(seq) && seq > 0 ? seq : 0;
}

function accountsOf(batches: readonly OutboxEntry[]): number[] {
  const accounts = new Set<number>();
  for (const { events } of batches) {
    for (const text of events) {
      const event = eventOf(text);
      if (event !== null) accounts.add(accountOf(event));
    }
  }
  return [...accounts];
}
