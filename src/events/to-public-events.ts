import type { JournalSource, KeptRow } from "./journal-source.ts";
import type { PublicEvent } from "./public-event.ts";

/**
 * Makes public events of rows of the journal. It remembers what never changes of accounts, and the holds of the last rows,
 * so that most rows need no look-up.
 */
export class PublicEvents {
  readonly #journal: JournalSource;

  constructor(journal: JournalSource) {
    this.#journal = journal;
  }

  /**
   * In the order of the journal; `null` for what is no event (refusals, gaps), so that indexes stay those of the journal.
   *
   * @throws LedgerUnavailable
   */
  async of(_row: KeptRow): Promise<readonly (PublicEvent | null)[]> {
    void this.#journal;
    throw new Error("not yet");
  }
}
