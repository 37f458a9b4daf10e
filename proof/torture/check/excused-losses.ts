import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import type { RegisteredCommand } from "./command-registry.ts";
import type { AccountStates } from "./account-states.ts";

/**
 * What the restores of a round named as missing, and so may be missing.
 *
 * A change that was answered, or shown by a statement, and then lost has left traces in the answers of its account:
 * balances, statements and refusals that no state in the books explains. What can be held against the order of an
 * account that may have lost something is not worth its false alarms: its answers of this round are excused from
 * that, and counted. An account is excused only if it can have lost something: if it is named, or if whole batches are
 * missing and one of its commands may have been applied without standing in the books for it.
 */
export class ExcusedLosses {
  readonly #accounts = new Set<number>();
  readonly #batches: boolean;
  readonly #excused = new Set<number>();
  readonly #statesByAccount: ReadonlyMap<number, AccountStates>;

  constructor(restores: readonly RestoreReport[], statesByAccount: ReadonlyMap<number, AccountStates>) {
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
  covers(account: number | null): boolean {
    return this.#batches || (account !== null && this.#accounts.has(account));
  }

  /** To be told of each command that was asked for in this round, or that is still open. */
  consider(registered: RegisteredCommand): void {
    const accounts = [...registered.accounts];
    if (!accounts.some((account) => this.covers(account))) return;
    const mayHaveBeenApplied = registered.causes.length + (registered.open ? 1 : 0);
    // One that stands in the books and had several attempts may have been applied before, by another one than stands.
    if (mayHaveBeenApplied <= (registered.position === null ? 0 : 1)) return;
    for (const account of accounts) this.#excused.add(account);
  }

  /** Whether the answers on the account are not held against its order. Only after all were considered. */
  excuses(account: number): boolean {
    if (this.#excused.has(account)) return true;
    // Nobody may have been told of its opening, which was lost.
    return this.#batches && !this.#statesByAccount.has(account);
  }

  excusesCommand(registered: RegisteredCommand): boolean {
    if (this.isEmpty) return false;
    return [...registered.accounts].some((account) => this.excuses(account));
  }
}
