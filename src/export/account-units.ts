import type { JournalSource } from "../events/journal-source.ts";
import type { AccountId } from "../ledger/account.ts";
import type { LedgerEvent } from "../ledger/event.ts";
import { LedgerUnavailable } from "../ledger/ledger.ts";
import { movesElsewhere } from "../ledger/event-results.ts";

const REMEMBERED_MAX = 50_000;

/** The units of accounts, which never change. */
export class AccountUnits {
  readonly #journal: JournalSource;
  /** The one that was needed longest ago comes first. */
  readonly #known = new Map<AccountId, string>();

  constructor(journal: JournalSource) {
    this.#journal = journal;
  }

  /**
   * Of all accounts whose balance the events of a row change.
   *
   * @param withOthers also of those of other shards, where their postings name any
   * @throws LedgerUnavailable if the books of such a shard are behind, and do not have its account yet
   */
  async of(events: readonly LedgerEvent[], withOthers = false): Promise<(account: AccountId) => string> {
    const units = new Map<AccountId, string>();
    const unknown = new Set<AccountId>();
    for (const event of events) {
      if (event.type === "open") this.#remember(event.account, event.unit);
      if ("accounts" in event) for (const { id, unit } of event.accounts) units.set(id, unit);
      const named =
        event.type === "entry"
          ? [{ account: event.entry.account, unit: null }]
          : withOthers
            ? movesElsewhere(event)
            : [];
      for (const { account, unit: told } of named) {
        const unit = told ?? this.#known.get(account);
        if (unit === undefined) unknown.add(account);
        else {
          units.set(account, unit);
          this.#remember(account, unit);
        }
      }
    }
    if (unknown.size > 0)
      for (const [account, { unit }] of await this.#journal.facts([...unknown])) {
        units.set(account, unit);
        this.#remember(account, unit);
      }
    return (account) => {
      const unit = units.get(account);
      if (unit === undefined)
        throw new LedgerUnavailable(
          `the books do not have the account ${account} yet: try again in a moment`,
          "none",
        );
      return unit;
    };
  }

  #remember(account: AccountId, unit: string): void {
    this.#known.delete(account);
    this.#known.set(account, unit);
    if (this.#known.size <= REMEMBERED_MAX) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}
