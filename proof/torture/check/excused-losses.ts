import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import type { RegisteredCommand } from "./command-registry.ts";
import type { AccountStates } from "./account-states.ts";

/**
 * What the restores of a round named as missing, and may therefore be missing.
 *
 * A change that was answered, or shown by a statement, and then lost leaves traces in the answers of its account:
 * balances, statements and refusals that no state in the books explains. Checking the order of such an account would
 * raise false alarms, so its answers of this round are excused from that check, and counted. An account is excused only
 * if it can have lost something: if a restore named it, or if whole batches are missing and one of its commands may
 * have been applied without being in the books.
 */
export class ExcusedLosses {
  readonly #accounts = new Set<string>();
  readonly #batches: boolean;
  readonly #excused = new Set<string>();
  readonly #statesByAccount: ReadonlyMap<string, AccountStates>;

  constructor(restores: readonly RestoreReport[], statesByAccount: ReadonlyMap<string, AccountStates>) {
    this.#statesByAccount = statesByAccount;
    for (const { missing } of restores) {
      for (const { account } of missing.accounts) this.#accounts.add(account);
    }
    this.#batches = restores.some(({ missing }) => missing.batches.length > 0);
    for (const account of this.#accounts) this.#excused.add(account);
  }

  get isEmpty(): boolean {
    return !this.#batches && this.#accounts.size === 0;
  }

  /** Whether something of the account may be missing. */
  covers(account: string | null): boolean {
    return this.#batches || (account !== null && this.#accounts.has(account));
  }

  /** Must be called with each command of this round, and with each whose outcome is still unknown. */
  consider(command: RegisteredCommand): void {
    const accounts = [...command.accounts];
    if (!accounts.some((account) => this.covers(account))) return;
    const mayHaveBeenApplied = command.causes.length + (command.open ? 1 : 0);
    // One in the books with several attempts may have been applied before, by another attempt whose change was lost.
    if (mayHaveBeenApplied <= (command.position === null ? 0 : 1)) return;
    for (const account of accounts) this.#excused.add(account);
  }

  /** Whether the answers on the account are excused. Valid only after `consider` was called with every command. */
  excuses(account: string): boolean {
    if (this.#excused.has(account)) return true;
    // Its opening may have been lost with no client having been told of it.
    return this.#batches && !this.#statesByAccount.has(account);
  }

  excusesCommand(command: RegisteredCommand): boolean {
    if (this.isEmpty) return false;
    return [...command.accounts].some((account) => this.excuses(account));
  }
}
