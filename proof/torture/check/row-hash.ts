import type { BooksSnapshot } from "../system/system-under-test.ts";
import type { EntryRow, LimitRow } from "./account-states.ts";

/**
 * A hash of 32 bits for each row of the books, to see later whether the row is still the same. FNV-1a by words: each
 * step is a bijection, so a row in which a single number or character has changed never has the same hash.
 */

const BASIS = 0x811c9dc5 | 0;
const PRIME = 0x01000193;
const WORD = 2 ** 32;

export function hashOfEntry(entry: EntryRow): number {
  let hash = withNumber(BASIS, entry.seq);
  hash = withWord(hash, entry.kind === "credit" ? 1 : 2);
  hash = withNumber(hash, entry.value);
  hash = withNumber(hash, entry.balance);
  hash = withNumber(hash, entry.creditLimit);
  hash = withNumber(hash, entry.time);
  return withText(withText(hash, entry.description), entry.command);
}

export function hashOfLimit(limit: LimitRow): number {
  let hash = withNumber(BASIS, limit.version);
  hash = withNumber(hash, limit.creditLimit);
  hash = withNumber(hash, limit.afterSeq);
  return withText(hash, limit.command);
}

export function hashOfAccount(account: BooksSnapshot["accounts"][number]): number {
  return withText(
    withText(withWord(BASIS, account.name === null ? 1 : 2), account.name ?? ""),
    account.command,
  );
}

function withWord(hash: number, word: number): number {
  return Math.imul(hash ^ word, PRIME);
}

function withNumber(hash: number, value: number): number {
  return withWord(withWord(hash, value | 0), Math.floor(value / WORD) | 0);
}

function withText(hash: number, text: string): number {
  let mixed = withWord(hash, text.length);
  for (let at = 0; at < text.length; at += 1) mixed = withWord(mixed, text.charCodeAt(at));
  return mixed;
}
