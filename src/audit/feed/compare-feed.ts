import type { Database } from "bun:sqlite";
import { z } from "zod";
import type { Batch } from "../../carry/batch.ts";
import type { OutboxEntry } from "../../decide/redis-client.ts";
import type { AccountId } from "../../ledger/account.ts";
import {
  accountsOf,
  type BatchEvent,
  differingEntries,
  missingEvents,
  parseDecision,
  type QueryBooks,
  quote,
} from "../events.ts";
import type { FeedMessage } from "./stream-reader.ts";
import type { Findings } from "../findings.ts";
import { bounds } from "../../bounds.ts";
import type { OutboxSpill } from "../spill/outbox-spill.ts";

/** Finds differences between the batches and the books, which have kept all of them. */
export async function compareWithBooks(
  source: "the feed" | "the outbox",
  batches: readonly Pick<Batch, "shard" | "g" | "events">[],
  queryBooks: QueryBooks,
  findings: Findings,
): Promise<void> {
  const name = source === "the feed" ? "feed-differs" : "redis-differs";
  const entries: { account: AccountId; seq: number; text: string; g: number }[] = [];
  const others: (BatchEvent & { readonly account: AccountId | null })[] = [];
  for (const { shard, g, events: texts } of batches) {
    for (const text of texts) {
      const event = parseDecision(text);
      if (event === null)
        findings.add(name, null, null, `batch ${g} of ${source} holds what is no event: ${quote(text)}`);
      else if (event.type === "entry")
        entries.push({ account: event.entry.account, seq: event.entry.seq, text, g });
      else others.push({ shard, g, text, account: accountsOf(event)[0] ?? null });
    }
  }
  for (const { text, account, seq, kept } of await differingEntries(queryBooks, entries)) {
    const books = kept === null ? "the books nothing there" : `the books ${quote(kept)}`;
    const g = entries.find((entry) => entry.text === text)?.g;
    findings.add(name, account, seq, `${source} has ${quote(text)} in batch ${g}, ${books}`);
  }
  for (const { shard, g, text, account } of await missingEvents(queryBooks, others)) {
    const detail = `${source} has ${quote(text)} in batch ${g} of shard ${shard}, the journal does not`;
    findings.add(name, account, null, detail);
  }
}

/** What the feed is compared with at the end, besides the books: the outbox after the cursor, and how far Redis is. */
export interface FinalState {
  readonly shard: number;
  readonly cursor: number;
  readonly outbox: OutboxSpill;
  readonly headG: number;
}

interface AheadRow {
  readonly place: number;
  readonly g: number;
  readonly events: string;
}

const texts = z.array(z.string());

/**
 * Compares the feed with the books, as far as they have kept its batches, and the rest with the outbox. Gaps in the feed
 * mean nothing: it is published without waiting, so it lacks what came while NATS was away, or the stream had no leader.
 * Batches of earlier epochs are skipped.
 */
export class CompareFeed {
  readonly #epoch: string;
  readonly #findings: Findings;
  /** Stores the batches that the books did not have when the feed was read. */
  readonly #spill: Database;
  #compared = 0;

  /** @param spill with the tables of spill-tables.sql */
  constructor(epoch: string, findings: Findings, spill: Database) {
    this.#epoch = epoch;
    this.#findings = findings;
    this.#spill = spill;
  }

  /** Number of batches of this epoch so far. */
  get compared(): number {
    return this.#compared;
  }

  async take(messages: readonly FeedMessage[], queryBooks: QueryBooks): Promise<void> {
    const rows = await queryBooks("SELECT shard, last_g FROM cursors", []);
    const cursors = new Map(rows.map((row) => [Number(row["shard"]), Number(row["last_g"])]));
    const kept: Batch[] = [];
    const ahead: Batch[] = [];
    for (const { position, batch } of messages) {
      if (batch === null) {
        this.#findings.add("feed-differs", null, null, `message ${position} of the feed is no batch`);
      } else if (batch.epoch === this.#epoch) {
        this.#compared += 1;
        if (batch.g <= (cursors.get(batch.shard) ?? 0)) kept.push(batch);
        else ahead.push(batch);
      }
    }
    this.#spillBatches(ahead);
    await compareWithBooks("the feed", kept, queryBooks, this.#findings);
  }

  async finish({ shard, cursor, outbox, headG }: FinalState, queryBooks: QueryBooks): Promise<void> {
    for (const page of this.#pages(shard)) {
      const kept = page.filter(({ g }) => g <= cursor).map((batch) => ({ ...batch, shard }));
      await compareWithBooks("the feed", kept, queryBooks, this.#findings);
      for (const { g, events } of page) {
        if (g > headG) {
          const detail = `the feed has batch ${g} of shard ${shard}, Redis ends at ${headG}`;
          this.#findings.add("redis-older", null, null, detail);
        } else if (g > cursor) {
          const decided = outbox.batch(g);
          if (decided.length > 0 && !Bun.deepEquals(decided, events))
            this.#reportDifference(g, events, decided);
        }
      }
    }
  }

  #spillBatches(batches: readonly Batch[]): void {
    const add = this.#spill.query("INSERT INTO ahead (shard, g, events) VALUES (?, ?, ?)");
    this.#spill.transaction(() => {
      for (const { shard, g, events } of batches) add.run(shard, g, JSON.stringify(events));
    })();
  }

  /** The shard's spilled batches, in pages. */
  *#pages(shard: number): Iterable<OutboxEntry[]> {
    const rows = this.#spill.query<AheadRow, [number, number, number]>(
      "SELECT place, g, events FROM ahead WHERE shard = ? AND place > ? ORDER BY place LIMIT ?",
    );
    for (let last = 0; ;) {
      const page = rows.all(shard, last, bounds.audit_chunk_batches);
      if (page.length === 0) return;
      last = page.at(-1)?.place ?? last;
      yield page.map(({ g, events }) => ({ g, events: texts.parse(JSON.parse(events)) }));
    }
  }

  #reportDifference(g: number, events: readonly string[], decided: readonly string[]): void {
    const length = Math.max(events.length, decided.length);
    const at = Array.from({ length }, (_, index) => index).find((index) => events[index] !== decided[index]);
    const text = events[at ?? 0] ?? "";
    const event = parseDecision(text);
    const account = event === null ? null : (accountsOf(event)[0] ?? null);
    const seq = event?.type === "entry" ? event.entry.seq : null;
    const detail = `batch ${g} of the feed has ${quote(text)}, the outbox ${quote(decided[at ?? 0] ?? "")}`;
    this.#findings.add("feed-differs", account, seq, detail);
  }
}
