import { createHash } from "node:crypto";
import type { BooksSnapshot } from "../system/system-under-test.ts";
import type { RoundFindings } from "./round-violations.ts";

export type JournalRow = BooksSnapshot["journal"][number];

interface End {
  readonly g: number;
  readonly hash: string;
}

/** Checks the journal's chain, from its first row to its last and through the end that an earlier round has seen. */
export class JournalCheck {
  #end: End | null = null;

  /**
   * @returns the rows that are new since the previous round
   * @throws Error if there is more than one shard: the order of what they decide is not known
   */
  check(journal: readonly JournalRow[], findings: RoundFindings): JournalRow[] {
    const fresh: JournalRow[] = [];
    let before: End | null = null;
    let isSeen = this.#end === null;
    for (const row of journal) {
      const { shard, g, events } = row;
      if (shard !== 0) throw new Error("The books are of several shards: the checker knows of one.");
      const [, from = g, to = g] = (/^m \d+ (\d+) (\d+)$/.exec(events[0] ?? "") ?? []).map(Number);
      const follows = from === (before === null ? 0 : before.g + 1) && to === g;
      if (!follows || row.previous !== (before?.hash ?? "00".repeat(32)) || row.hash !== hashOf(row))
        broken(findings, `is broken at batch ${g}, after ${before?.g}`);
      if (this.#end?.g === g && this.#end.hash === row.hash) isSeen = true;
      if (this.#end === null || g > this.#end.g) fresh.push(row);
      before = { g, hash: row.hash };
    }
    if (!isSeen) broken(findings, `had another batch ${this.#end?.g} after an earlier round`);
    this.#end = before;
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
