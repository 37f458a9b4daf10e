import { createHash } from "node:crypto";
import type { Attempt } from "../clients/history.ts";
import type { BooksSnapshot } from "../system/system-under-test.ts";
import type { EntryRow } from "./account-states.ts";
import type { RoundFindings } from "./round-violations.ts";

export type JournalRow = BooksSnapshot["journal"][number];

interface End {
  readonly g: number;
  readonly hash: string;
}

/**
 * Checks the journal: its chain, from its first row to its last and through the end that an earlier round has seen; that
 * the entries of this round are those that it has; that it has each refusal that was decided under a key, and nothing
 * that was decided under such a key later.
 */
export class JournalCheck {
  /** By shard. */
  #ends = new Map<number, End>();
  /** Keys under which an earlier round's rows have a refusal. */
  readonly #refusedKeys = new Set<string>();

  /** @param seen `isLossNamed`: a restore of this round named something as missing, which may be a refusal */
  check(
    journal: readonly JournalRow[],
    newEntries: readonly EntryRow[],
    { attempts, isLossNamed }: { attempts: readonly Attempt[]; isLossNamed: boolean },
    findings: RoundFindings,
  ): void {
    const entries = new Set<string>();
    const refusedKeys = new Set<string>();
    for (const event of this.#checkChain(journal, findings).flatMap(({ events }) => events)) {
      if (/^[cd] /.test(event)) entries.add(event);
      const key = keyOf(event);
      if (key === null) continue;
      if (this.#refusedKeys.has(key) || (refusedKeys.has(key) && !isLossNamed)) {
        const detail = `The journal has a refusal under the key ${key}, and after it ${event}.`;
        findings.add("other-outcome", detail);
      }
      if (event.startsWith("x ")) refusedKeys.add(key);
    }
    for (const entry of newEntries) {
      if (!entries.delete(eventOf(entry)))
        broken(findings, `lacks ${eventOf(entry)}, which the entries have`);
    }
    for (const event of entries) broken(findings, `has ${event}, which the entries lack`);
    for (const key of refusedKeys) this.#refusedKeys.add(key);
    if (isLossNamed) return;
    for (const { number, key, answer } of attempts) {
      const isNew = answer.type === "refused" && !answer.replayed && answer.problem !== "key-reused";
      if (key === null || !isNew || refusedKeys.has(key)) continue;
      const detail = `Attempt ${number} was refused under the key ${key}, and the journal does not have it.`;
      findings.add("lost", detail, [number]);
    }
  }

  /** @returns the rows that are new since the previous round */
  #checkChain(journal: readonly JournalRow[], findings: RoundFindings): JournalRow[] {
    const fresh: JournalRow[] = [];
    const ends = new Map<number, End>();
    const seen = new Set<number>();
    for (const row of journal) {
      const { shard, g, events } = row;
      const before = ends.get(shard);
      const [, from = g, to = g] = (/^m \d+ (\d+) (\d+)$/.exec(events[0] ?? "") ?? []).map(Number);
      const follows = from === (before === undefined ? 0 : before.g + 1) && to === g;
      if (!follows || row.previous !== (before?.hash ?? "00".repeat(32)) || row.hash !== hashOf(row))
        broken(findings, `is broken at batch ${g} of shard ${shard}, after ${before?.g}`);
      const known = this.#ends.get(shard);
      if (known?.g === g && known.hash === row.hash) seen.add(shard);
      if (known === undefined || g > known.g) fresh.push(row);
      ends.set(shard, { g, hash: row.hash });
    }
    for (const [shard, { g }] of this.#ends) {
      if (!seen.has(shard))
        broken(findings, `had another batch ${g} of shard ${shard} after an earlier round`);
    }
    this.#ends = ends;
    return fresh;
  }
}

function broken(findings: RoundFindings, detail: string): void {
  findings.add("chain-broken", `The journal ${detail}.`);
}

/** See docs/journal.md. */
function hashOf({ previous, shard, g, time, events }: JournalRow): string {
  const fixed = Buffer.alloc(24);
  fixed.writeUInt32BE(shard, 0);
  fixed.writeBigUInt64BE(BigInt(g), 4);
  fixed.writeBigUInt64BE(BigInt(time), 12);
  fixed.writeUInt32BE(events.length, 20);
  const hash = createHash("sha256").update(Buffer.from(previous, "hex")).update(fixed);
  for (const event of events) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(Buffer.byteLength(event));
    hash.update(length).update(event);
  }
  return hash.digest("hex");
}

/** The client's key under which the event was decided; null for none. See docs/data.md. */
function keyOf(event: string): string | null {
  const match = /^(?:x(?: \S+){2}|[cd](?: \S+){6}|o(?: \S+){3}|l(?: \S+){5}) key:(\S+)/.exec(event);
  return match?.[1] ?? null;
}

/** See docs/data.md. */
function eventOf(entry: EntryRow): string {
  const { account, seq, time, kind, value, balance, creditLimit, command, description } = entry;
  const letter = kind === "credit" ? "c" : "d";
  return [letter, account, seq, time, value, balance, creditLimit, command, description].join(" ");
}
