import { z } from "zod";
import type { Sql } from "../../keep/postgres-client.ts";
import { type InTransit, openPartsInSql } from "../../keep/transits/in-transit.ts";
import { isPartEvent } from "../../keep/transits/part-changes.ts";
import type { AccountId } from "../../ledger/account.ts";
import { texts } from "../../keep/pg-array.ts";
import { bounds } from "../../bounds.ts";
import { inSnapshot, type Snapshot } from "../books/books-snapshot.ts";
import type { BooksMetadata } from "../books/books-metadata.ts";
import { type CompareFeed, compareWithBooks } from "../feed/compare-feed.ts";
import { openingHash } from "../../ledger/content-hash.ts";
import { parseDecision, type QueryBooks, quote } from "../events.ts";
import type { KeySpill } from "../spill/key-spill.ts";
import {
  type AccountEvent,
  accountsAfter,
  expectedAccounts,
  inTransitIn,
  inTransitOf,
  STANDING_OF_ACCOUNT,
  standingText,
  withTransit,
} from "../expected-accounts.ts";
import { detailsText } from "../journal/row-texts.ts";
import type { Findings } from "../findings.ts";
import { requireReachable, POSTGRES } from "../unreachable-server.ts";
import { reportLostBatchFlag } from "./lost-batch-flag.ts";
import type { OutboxSpill } from "../spill/outbox-spill.ts";
import { compareAccount, type FoundAccount, parseFound } from "./compare-redis-account.ts";
import { readOutbox } from "./read-outbox.ts";
import type { Head, RedisReader } from "./redis-reader.ts";
import { Versions } from "./versions.ts";
import { type ProgressEstimate, COMPARISON_COST } from "../progress-estimate.ts";

export interface CompareChangingOptions {
  readonly sql: Sql;
  readonly queryBooks: QueryBooks;
  readonly redis: RedisReader;
  readonly system: BooksMetadata;
  readonly shard: number;
  /** Those of the shard are taken out of it. */
  readonly changing: KeySpill;
  readonly outbox: OutboxSpill;
  readonly feed: CompareFeed;
  readonly findings: Findings;
  readonly progress: ProgressEstimate;
}

/** A snapshot of the books, and the head in Redis that was read before it; `headAfter` was read after it. */
interface PointInTime {
  readonly books: Snapshot;
  readonly head: Head;
  readonly headAfter: Head;
  readonly cursor: number;
  readonly seenG: number;
}

/** The books at a time, with their cursor then. */
interface KeptAccounts {
  readonly cursor: number;
  readonly inTransit: InTransit;
  readonly accounts: ReadonlyMap<
    AccountId,
    {
      readonly seq: number;
      readonly standing: string | undefined;
      readonly opening: string | undefined;
      readonly details: string | undefined;
    }
  >;
}

/**
 * Compares those accounts of a shard that change during the audit: their state in Redis with outbox and books. They are
 * compared in groups. For each group, Redis is read first, then the rest of its outbox, and then a later snapshot of the
 * books, which has everything that is no longer in the outbox. What was read of the outbox is spilled, so it is read
 * only once.
 *
 * With the first group, the outbox and the feed are compared as a whole. Other accounts that the outbox changes come
 * last.
 */
export class CompareChangingAccounts {
  readonly #options: CompareChangingOptions;
  readonly #findings: Findings;
  #outboxEntries = 0;
  /** The cursor of the first snapshot: batches up to it were compared with the books then. */
  #firstCursor: number | null = null;

  constructor(options: CompareChangingOptions) {
    this.#options = options;
    this.#findings = options.findings;
  }

  /** The number of entries that were not in the first snapshot of the books. */
  get outboxEntries(): number {
    return this.#outboxEntries;
  }

  async compare(): Promise<void> {
    const { outbox, shard, changing, progress } = this.#options;
    const some = bounds.audit_moving_accounts;
    progress.plan(changing.count(shard) * COMPARISON_COST);
    // At least once: the outbox is compared with the books even if no account changes.
    if (!(await this.#compareSome(changing.take(shard, some)))) return;
    let others = false;
    for (;;) {
      const accounts = changing.take(shard, some);
      if (accounts.length > 0) {
        if (!(await this.#compareSome(accounts))) return;
      } else if (others) {
        return;
      } else {
        others = true;
        outbox.addAccountsAfter(this.#firstCursor ?? 0, shard);
        progress.plan(changing.count(shard) * COMPARISON_COST);
      }
    }
  }

  /** @returns whether Redis still has the same data, so that the comparison can go on */
  async #compareSome(accounts: readonly AccountId[]): Promise<boolean> {
    const { redis, sql, system, shard, progress } = this.#options;
    const kept = await this.#kept(accounts);
    const headBefore = await redis.head(shard);
    const found = await this.#read(accounts);
    const head = await redis.head(shard);
    await readOutbox(redis, shard, this.#options.outbox);
    const compareAll = async (books: Snapshot): Promise<boolean> => {
      const headAfter = await redis.head(shard);
      const isAnother = head?.epoch !== system.epoch || headAfter?.epoch !== system.epoch;
      if (!isAnother && reportLostBatchFlag(shard, headAfter, this.#findings)) return false;
      if (isAnother || found === null) {
        const detail = `shard ${shard} in Redis became another one during the audit`;
        this.#findings.add("redis-other", null, null, detail);
        return false;
      }
      const pointInTime = { books, head, headAfter, ...(await cursorOf(books, shard)) };
      const wanted = accounts.map((account, index) => ({ account, seq: seqOf(found[index]) }));
      const expected = await expectedAccounts(
        books,
        wanted,
        this.#outboxEventsOf(accounts, pointInTime),
        await inTransitOf(books, shard),
        this.#findings,
      );
      const moving = accounts.filter((account, index) => {
        const one = found[index];
        return (
          typeof one === "object" && "standing" in one && one.standing !== expected.get(account)?.standing
        );
      });
      const stood = await this.#stood(moving, kept, pointInTime);
      for (const [index, account] of accounts.entries()) {
        const observed = {
          account,
          keptSeq: kept.accounts.get(account)?.seq ?? null,
          stoodSo: (standing: string) => stood.get(account)?.mayBe(standing, headBefore?.g ?? 0) ?? false,
          found: found[index] ?? "missing",
        };
        compareAccount(observed, expected.get(account), this.#findings);
      }
      if (this.#firstCursor === null) await this.#compareWhole(pointInTime);
      else await this.#compareKeptSince(accounts, this.#firstCursor, pointInTime);
      return true;
    };
    const same = await requireReachable(POSTGRES, inSnapshot(sql, compareAll));
    progress.did(accounts.length * COMPARISON_COST);
    return same;
  }

  /** `null` if Redis is of another epoch, or answers nobody. */
  async #read(accounts: readonly AccountId[]): Promise<FoundAccount[] | null> {
    const { redis, system, shard } = this.#options;
    const found = await redis.read(system.epoch, shard, accounts);
    return found && accounts.map((account, index) => parseFound(account, found[index]));
  }

  /** The accounts as the books have them now: what is read of Redis next must not be older. */
  async #kept(accounts: readonly AccountId[]): Promise<KeptAccounts> {
    const { queryBooks, shard } = this.#options;
    const rows = await queryBooks(
      `SELECT a.account, a.seq::text, ${STANDING_OF_ACCOUNT} AS standing, a.opening,
         concat_ws(' ', a.metadata::text, a.name) AS details, c.last_g::text,
         (SELECT json_agg(o.text)::text FROM (${openPartsInSql(shard)}) AS o) AS parts
       FROM cursors AS c LEFT JOIN accounts AS a ON a.account = ANY($1::text::text[]) WHERE c.shard = ${shard}`,
      [texts(accounts, (account) => account)],
    );
    const [first] = rows;
    const parts = first?.["parts"];
    const inTransit = inTransitIn(typeof parts === "string" ? textsReply.parse(JSON.parse(parts)) : []);
    const kept = rows
      .filter((row) => row["account"] !== null)
      .map((row) => {
        const [standing, opening, details] = [row["standing"], row["opening"], row["details"]].map(String);
        const account = String(row["account"]);
        const stood = withTransit(standing ?? "", inTransit.textOf(account));
        return [account, { seq: Number(row["seq"]), standing: stood, opening, details }] as const;
      });
    return { cursor: Number(first?.["last_g"] ?? 0), inTransit, accounts: new Map(kept) };
  }

  /** How these accounts stood since they were read from the books, by the events since then. */
  async #stood(
    accounts: readonly AccountId[],
    kept: KeptAccounts,
    { books, cursor }: PointInTime,
  ): Promise<Map<AccountId, Versions>> {
    const stood = new Map<AccountId, Versions>();
    if (accounts.length === 0) return stood;
    const { shard, outbox } = this.#options;
    const now = new Map<AccountId, { opening: string; details: string }>();
    for (const account of accounts) {
      const { standing, opening = "", details = "{}" } = kept.accounts.get(account) ?? {};
      const versions = new Versions();
      if (standing !== undefined) versions.add(kept.cursor, standing);
      stood.set(account, versions);
      now.set(account, { opening, details });
    }
    const take = (g: number, text: string, of: AccountId | null): void => {
      const event = parseDecision(text);
      if (event === null || event.type === "refusal") return;
      if (event.type === "open") {
        const opened = { opening: openingHash(event), details: detailsText(event) };
        if (!stood.has(event.account)) return;
        now.set(event.account, opened);
        stood
          .get(event.account)
          ?.add(g, standingText({ ...event, ...opened, state: "open", held: 0, inTransit: "" }));
        return;
      }
      for (const after of accountsAfter(event)) {
        const account = now.get(after.id);
        if (account === undefined || (of !== null && of !== after.id)) continue;
        if (event.type === "change") account.details = detailsText(event);
        if (isPartEvent(event)) kept.inTransit.take(event, after.id);
        const inTransit = kept.inTransit.textOf(after.id);
        stood.get(after.id)?.add(g, standingText({ ...account, ...after, inTransit }));
      }
    };
    const rows = await books.query(
      `SELECT j.g::text, e.text FROM journal AS j, unnest(j.events) WITH ORDINALITY AS e (text, at)
       WHERE j.shard = ${shard} AND j.g > $1::text::bigint AND left(e.text, 1) NOT IN ('x', 'm') ORDER BY j.g, e.at`,
      [String(kept.cursor)],
    );
    for (const row of rows) take(Number(row["g"]), String(row["text"]), null);
    for (const account of accounts)
      for (const { g, text } of outbox.eventsOf(account, cursor, outbox.lastG)) take(g, text, account);
    return stood;
  }

  *#outboxEventsOf(accounts: readonly AccountId[], { cursor }: PointInTime): Iterable<AccountEvent> {
    const { outbox } = this.#options;
    for (const account of accounts)
      for (const event of outbox.eventsOf(account, cursor, outbox.lastG)) yield { ...event, account };
  }

  /** Compares batches that were kept since the first snapshot: they were not in the books then. */
  async #compareKeptSince(
    accounts: readonly AccountId[],
    since: number,
    { books, cursor }: PointInTime,
  ): Promise<void> {
    const { outbox, shard } = this.#options;
    let kept: { readonly shard: number; readonly g: number; readonly events: readonly string[] }[] = [];
    const compareKept = (): Promise<void> =>
      compareWithBooks("the outbox", kept, books.query, this.#findings);
    for (const account of accounts) {
      for (const { g, text } of outbox.eventsOf(account, since, cursor)) {
        kept.push({ shard, g, events: [text] });
        if (kept.length < bounds.audit_moving_accounts) continue;
        await compareKept();
        kept = [];
      }
    }
    await compareKept();
  }

  async #compareWhole(pointInTime: PointInTime): Promise<void> {
    const { shard, outbox, feed } = this.#options;
    const { books, headAfter, cursor } = pointInTime;
    this.#firstCursor = cursor;
    this.#outboxEntries = outbox.entriesAfter(cursor);
    for (const { g, text } of outbox.malformedAfter(cursor)) {
      const detail = `batch ${g} of the outbox holds what is no event: ${quote(text)}`;
      this.#findings.add("outbox-gap", null, null, detail);
    }
    this.#compareCursor(pointInTime);
    for (const page of outbox.pagesUpTo(cursor)) {
      const batches = page.map((batch) => ({ ...batch, shard }));
      await compareWithBooks("the outbox", batches, books.query, this.#findings);
    }
    await feed.finish({ shard, cursor, outbox, headG: headAfter.g }, books.query);
  }

  #compareCursor({ head, headAfter, cursor, seenG }: PointInTime): void {
    const { shard, outbox } = this.#options;
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
      const detail = `${which} neither in the outbox nor in the books (shard ${shard})`;
      findings.add("outbox-gap", null, null, detail);
    };
    for (const g of outbox.batchNumbersAfter(cursor)) {
      if (g > expected) gap(g - 1);
      expected = g + 1;
    }
    if (head.g >= expected) gap(head.g);
  }
}

const textsReply = z.array(z.string());

/** The column seen_g may be missing in books with an older schema, which have noted nothing. */
async function cursorOf(books: Snapshot, shard: number): Promise<{ cursor: number; seenG: number }> {
  const [row] = await books.query(
    `SELECT last_g, to_jsonb(c) ->> 'seen_g' AS seen_g FROM cursors AS c WHERE shard = ${shard}`,
  );
  return { cursor: Number(row?.["last_g"] ?? 0), seenG: Number(row?.["seen_g"] ?? 0) };
}

function seqOf(found: FoundAccount | undefined): number {
  if (found === undefined || found === "missing" || "unreadable" in found) return 0;
  const { seq } = found.state;
  return Number.isSafeInteger(seq) ? seq : 0;
}
