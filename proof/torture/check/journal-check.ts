import { createHash } from "node:crypto";
import type { BooksSnapshot } from "../system/system-under-test.ts";
import type { RoundFindings } from "./round-violations.ts";

export type JournalRow = BooksSnapshot["journal"][number];

interface End {
  readonly g: number;
  readonly hash: string;
}

/** Checks the journal's chains, one a shard, from the first row to the last and through the end that an earlier round has seen. */
export class JournalCheck {
  readonly #ends = new Map<number, End>();

  /** @returns the rows that are new since the previous round, one shard after the other */
  check(journal: readonly JournalRow[], findings: RoundFindings): JournalRow[] {
    const shards = Map.groupBy(journal, ({ shard }) => shard);
    for (const shard of this.#ends.keys()) if (!shards.has(shard)) shards.set(shard, []);
    return [...shards].flatMap(([shard, rows]) => this.#checkShard(shard, rows, findings));
  }

  #checkShard(shard: number, rows: readonly JournalRow[], findings: RoundFindings): JournalRow[] {
    const fresh: JournalRow[] = [];
    const end = this.#ends.get(shard);
    let before: End | null = null;
    let isSeen = end === undefined;
    for (const row of rows) {
      const { g, events } = row;
      const [, from = g, to = g] = (/^m \d+ (\d+) (\d+)$/.exec(events[0] ?? "") ?? []).map(Number);
      const follows = from === (before === null ? 0 : before.g + 1) && to === g;
      if (!follows || row.previous !== (before?.hash ?? "00".repeat(32)) || row.hash !== hashOf(row))
        broken(findings, `of shard ${shard} is broken at batch ${g}, after ${before?.g}`);
      if (end?.g === g && end.hash === row.hash) isSeen = true;
      if (end === undefined || g > end.g) fresh.push(row);
      before = { g, hash: row.hash };
    }
    if (!isSeen) broken(findings, `of shard ${shard} had another batch ${end?.g} after an earlier round`);
    if (before !== null) this.#ends.set(shard, before);
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
