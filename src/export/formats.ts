import type { JournalSource } from "../events/journal-source.ts";
import { beancountDialect } from "./beancount-dialect.ts";
import { CsvRows } from "./csv-rows.ts";
import type { ExportFormat, FormatName } from "./export-format.ts";
import { JsonLines } from "./jsonl.ts";
import { ledgerDialect } from "./ledger-dialect.ts";
import { PlainText } from "./plain-text.ts";

const FORMAT_OF: Readonly<Record<FormatName, (journal: JournalSource) => ExportFormat>> = {
  csv: (journal) => new CsvRows(journal),
  jsonl: (journal) => new JsonLines(journal),
  ledger: (journal) => new PlainText(ledgerDialect(), journal),
  hledger: (journal) => new PlainText(ledgerDialect(), journal),
  beancount: (journal) => new PlainText(beancountDialect(), journal),
};

export function formatNamed(name: FormatName, journal: JournalSource): ExportFormat {
  return FORMAT_OF[name](journal);
}
