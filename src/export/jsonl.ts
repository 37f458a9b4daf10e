import { eventJson } from "../events/event-json.ts";
import type { JournalSource, KeptRow } from "../events/journal-source.ts";
import { PublicEvents } from "../events/to-public-events.ts";
import type { ExportFormat } from "./export-format.ts";

/** A line for each event, as `/v1/events` has it, with the cursor behind it. */
export class JsonLines implements ExportFormat {
  readonly #events: PublicEvents;

  constructor(journal: JournalSource) {
    this.#events = new PublicEvents(journal);
  }

  begin(): string {
    return "";
  }

  async row(row: KeptRow, from: number, cursorAfter: (index: number) => string): Promise<string> {
    let lines = "";
    for (const [index, event] of (await this.#events.of(row)).entries()) {
      if (index < from || event === null) continue;
      lines += `${eventJson(event).slice(0, -1)},"cursor":"${cursorAfter(index)}"}\n`;
    }
    return lines;
  }
}
