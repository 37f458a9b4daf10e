import type { KeptRow } from "../events/journal-source.ts";

export const FORMATS = ["csv", "jsonl", "ledger", "hledger", "beancount"] as const;

export type FormatName = (typeof FORMATS)[number];

/** Makes text of rows of the journal, in their order. */
export interface ExportFormat {
  /** What stands before everything else. */
  begin(): string;
  /**
   * Takes the first `count` events of a row that is before what is exported. Left out where a format does not need what
   * was before.
   */
  readonly past?: (row: KeptRow, count: number) => Promise<string>;
  /** What follows from the past, before the first row. */
  readonly opening?: () => Iterable<string>;
  /**
   * @param from the first of its events that is exported
   * @param cursorAfter the cursor behind one of them
   */
  row(row: KeptRow, from: number, cursorAfter: (index: number) => string): Promise<string>;
}
