import type { AccountId } from "../../ledger/account.ts";
import { bounds } from "../../bounds.ts";
import { EntryHash } from "../journal/entry-hash.ts";
import type { TextHash } from "../journal/text-hash.ts";
import type { AccountTable } from "./account-table.ts";
import type { StatementSums } from "./statement-sums.ts";

interface Known {
  readonly table: AccountTable;
  readonly hash: TextHash;
  /** By the account's number; not 0 if the books have the account. */
  readonly isThere: Uint8Array;
  readonly seqs: Float64Array;
  /** Of the latest entry, or of the opening. */
  readonly times: Float64Array;
  readonly standings: Float64Array;
  readonly statements: StatementSums;
}

const UNSEEN = 1;
const SAME = 2;
/** Where the time stands among the fields of an account's row in Redis. */
const TIME_FIELD = 4;

/**
 * What an audit remembers of each account from its scan of the books: whether the account in Redis is the same shows
 * without the books being asked again. Their ids and entries are not kept, only hashes.
 */
export class KnownAccounts {
  readonly #known: Known;
  /** By the account's number: not looked up yet, or found to be the same. */
  readonly #marks: Uint8Array;
  #unseenCount = 0;
  readonly #entry: EntryHash;
  /** Of what was read from Redis last: it comes as parts of larger buffers. */
  #view: DataView = new DataView(new ArrayBuffer(0));
  #buffer: ArrayBufferLike = this.#view.buffer;
  readonly #hashes = new Float64Array(bounds.statement_entries_max);

  constructor(known: Known) {
    this.#known = known;
    this.#entry = new EntryHash(known.hash);
    this.#marks = known.isThere.map((flag) => (flag === 0 ? 0 : UNSEEN));
    // By index: an iterator would make a million objects at once.
    for (let account = 0; account < this.#marks.length; account += 1)
      this.#unseenCount += this.#marks[account] ?? 0;
  }

  /** How many accounts of the books were not looked up yet. */
  get unseenCount(): number {
    return this.#unseenCount;
  }

  isUnseen(id: AccountId): boolean {
    return this.#marks[this.#numberOf(id)] === UNSEEN;
  }

  /** @returns `again`: the account was looked up before; `unknown`: the books did not have it */
  lookUp(id: AccountId): "first" | "again" | "unknown" {
    const account = this.#numberOf(id);
    if (account === -1 || this.#known.isThere[account] === 0) return "unknown";
    if (this.#marks[account] !== UNSEEN) return "again";
    this.#marks[account] = 0;
    this.#unseenCount -= 1;
    return "first";
  }

  /** Whether {@link isSame} has found the account to be the same. */
  wasSame(id: AccountId): boolean {
    return this.#marks[this.#numberOf(id)] === SAME;
  }

  /**
   * Whether this is how the books had the account.
   *
   * @param shown what Redis has: `row` with `details`, and the events of its latest entries, newest first
   */
  isSame(
    id: AccountId,
    shown: { readonly row: Buffer; readonly details: string; readonly statement: readonly Buffer[] },
  ): boolean {
    const { statement } = shown;
    const row = shown.row.toString();
    const { hash, seqs, times, standings, statements } = this.#known;
    const account = this.#numberOf(id);
    let before = 0;
    for (let field = 0; field < TIME_FIELD; field += 1) before = row.indexOf(" ", before) + 1;
    const after = row.indexOf(" ", before);
    if (row.slice(before, after) !== String(times[account])) return false;
    const standing = `${row.slice(0, before)}${row.slice(after + 1)} ${shown.details}`;
    if (hash.ofText(standing) !== standings[account]) return false;
    const seq = seqs[account] ?? 0;
    const count = statement.length;
    if (count !== Math.min(seq, bounds.statement_entries_max)) return false;
    for (let index = 0; index < count; index += 1) {
      const event = statement[index];
      if (event === undefined) return false;
      const { buffer } = event;
      if (buffer !== this.#buffer) {
        this.#buffer = buffer;
        this.#view = new DataView(buffer);
      }
      const from = event.byteOffset;
      if (!this.#entry.read(this.#view, from, from + event.length)) return false;
      this.#hashes[index] = this.#entry.statementHash;
    }
    const isSame = statements.isSum(account, seq, this.#hashes, count);
    if (isSame) this.#marks[account] = SAME;
    return isSame;
  }

  /** -1 if the books did not have the account. */
  #numberOf(id: AccountId): number {
    const { table, hash } = this.#known;
    return table.numberOf(hash.ofText(id));
  }
}
