import type { JournalSource, KeptRow } from "../events/journal-source.ts";
import { timestamp } from "../http/timestamp.ts";
import { csvOf } from "../http/v1/csv.ts";
import { parseEvent } from "../ledger/event.ts";
import { entriesOf } from "../ledger/event-results.ts";
import { AccountUnits } from "./account-units.ts";
import type { ExportFormat } from "./export-format.ts";

const COLUMNS = [
  "time",
  "transaction",
  "account",
  "seq",
  "amount",
  "balance",
  "unit",
  "counterparty",
  "description",
  "reference",
] as const;

/** A line for each entry, as RFC 4180 has it, with a header line. Amounts are integers, in the unit's smallest part. */
export class CsvRows implements ExportFormat {
  readonly #units: AccountUnits;

  constructor(journal: JournalSource) {
    this.#units = new AccountUnits(journal);
  }

  begin(): string {
    return csvOf(COLUMNS, []);
  }

  async row({ shard, g, events: texts }: KeptRow, from: number): Promise<string> {
    const events = texts.map(parseEvent);
    const unitOf = await this.#units.of(events);
    const rows = events.flatMap((event, index) =>
      index < from
        ? []
        : entriesOf(event, { shard, g, index }).map((entry) => ({
            time: timestamp(entry.time),
            transaction: entry.transaction,
            account: entry.account,
            seq: entry.seq,
            amount: entry.kind === "credit" ? entry.value : -entry.value,
            balance: entry.balance,
            unit: unitOf(entry.account),
            counterparty: entry.counterparty,
            description: asText(entry.description),
            reference: asText(entry.reference ?? ""),
          })),
    );
    return csvOf(COLUMNS, rows).slice(HEADER_CHARACTERS);
  }
}

const HEADER_CHARACTERS = csvOf(COLUMNS, []).length;

/** What a client wrote must not be taken for a formula by the program that the file is opened with. */
function asText(text: string): string {
  // Some read the wide forms of Chinese and Japanese as the plain ones.
  return /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
}
