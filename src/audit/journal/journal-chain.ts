import { type JournalHead, NO_HASH } from "../../ledger/journal.ts";
import type { Findings } from "../findings.ts";

/** What the chain is made of. */
export interface ChainedRow {
  readonly shard: number;
  readonly g: number;
  readonly previous: Uint8Array;
  readonly hash: Uint8Array;
  /** Whether the hash is that of the row's contents. */
  readonly fits: boolean;
  /** If the row begins with an event of type `missing`: the first and the last of the batches that are gone. */
  readonly gone: { readonly from: number; readonly to: number } | null;
}

interface ShardEnd {
  readonly g: number;
  readonly hash: Uint8Array;
}

/**
 * Checks the journal's chain of hashes: takes all rows, those of a shard in the order of g. One row's damage is one
 * finding: the next row is compared with the hash that is stored.
 */
export class JournalChain {
  readonly #findings: Findings;
  readonly #ends = new Map<number, ShardEnd>();
  /** Of the noted heads, those that no row has been compared with yet. */
  readonly #noted: JournalHead[];

  /** @param since heads that were noted before; all up to them must still be there, unchanged */
  constructor(findings: Findings, since: readonly JournalHead[] | null) {
    this.#findings = findings;
    this.#noted = [...(since ?? [])];
  }

  take({ shard, g, previous, hash, fits, gone }: ChainedRow): void {
    const end = this.#ends.get(shard);
    const wanted = end === undefined ? 0 : end.g + 1;
    const follows = g === wanted || (gone !== null && gone.from === wanted && gone.to === g);
    const row = `row ${g} of the journal (shard ${shard})`;
    if (!follows) {
      const which = g === wanted + 1 ? `row ${wanted} is` : `rows ${wanted} to ${g - 1} are`;
      const detail =
        g < wanted
          ? `${row} has a number that no row can have`
          : `${which} missing in the journal (shard ${shard})`;
      this.#findings.add("journal-gap", null, null, detail);
    } else if (!isSame(previous, end?.hash ?? NO_HASH)) {
      const before = end === undefined ? "no hash, as the first row has to" : `the hash of row ${end.g}`;
      this.#findings.add("journal-chain", null, null, `${row} does not name ${before} as the one before`);
    }
    if (!fits) this.#findings.add("journal-hash", null, null, `the hash of ${row} does not fit its contents`);
    this.#compareNoted(shard, g, hash);
    // The row's bytes are of use only until the next row.
    this.#ends.set(shard, { g, hash: hash.slice() });
  }

  /**
   * After all rows.
   *
   * @param cursors by shard, the latest batch that the books have kept
   * @returns where the journal of each shard ends
   */
  finish(cursors: ReadonlyMap<number, number>): JournalHead[] {
    for (const [shard, cursor] of cursors) {
      const end = this.#ends.get(shard);
      const at = end === undefined ? "has no row" : `ends at row ${end.g}`;
      const detail = `the journal of shard ${shard} ${at}, the books have kept batch ${cursor}`;
      if (end === undefined || end.g < cursor) this.#findings.add("journal-cut", null, null, detail);
      else if (end.g > cursor) this.#findings.add("journal-differs", null, null, detail);
    }
    for (const shard of this.#ends.keys()) {
      if (cursors.has(shard)) continue;
      const detail = `the journal has rows of shard ${shard}, the books have no such shard`;
      this.#findings.add("journal-differs", null, null, detail);
    }
    for (const { shard, g } of this.#noted) {
      const end = this.#ends.get(shard);
      const noted = `the head that was noted is row ${g} of shard ${shard}`;
      if (end === undefined || end.g < g) {
        const at = end === undefined ? "has no row" : `ends at row ${end.g}`;
        this.#findings.add("journal-cut", null, null, `${noted}, the journal ${at}`);
      } else this.#findings.add("journal-rewritten", null, null, `${noted}, which is no longer there`);
    }
    return this.heads();
  }

  /** Where the journal of each shard ends, as far as it was read. */
  heads(): JournalHead[] {
    return [...this.#ends]
      .map(([shard, { g, hash }]) => ({ shard, g, hash }))
      .toSorted((a, b) => a.shard - b.shard);
  }

  #compareNoted(shard: number, g: number, hash: Uint8Array): void {
    for (let index = this.#noted.length - 1; index >= 0; index -= 1) {
      const noted = this.#noted[index];
      if (noted === undefined || noted.shard !== shard || noted.g !== g) continue;
      this.#noted.splice(index, 1);
      if (isSame(noted.hash, hash)) continue;
      const detail = `row ${g} of the journal (shard ${shard}) has another hash than the head that was noted`;
      this.#findings.add("journal-rewritten", null, null, detail);
    }
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
