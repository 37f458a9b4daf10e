import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import type { RegisteredCommand } from "./command-registry.ts";

/**
 * What the restores of a round named as missing, and may therefore be missing.
 *
 * What was answered, or shown, and then lost leaves traces in other answers: balances and refusals that no state of the
 * ledger explains. A command may also have been applied, lost, and applied again, with one answer each time. So in such a
 * round, the order of what was seen is not checked, nor are the answers of a command with several attempts; they are
 * counted. What is in the books is checked as always.
 */
export class NamedLosses {
  readonly #accounts = new Set<string>();
  readonly #batches: boolean;
  /** The attempts of transactions across shards of which a shard has lost its side for good. */
  readonly attempts: readonly string[];

  constructor(restores: readonly RestoreReport[]) {
    for (const { missing } of restores)
      for (const { account } of missing.accounts) this.#accounts.add(account);
    const transits = restores.flatMap(({ missing }) => missing.transits ?? []);
    for (const { accounts } of transits) for (const account of accounts) this.#accounts.add(account);
    this.attempts = transits.map(({ attempt }) => attempt);
    this.#batches = restores.some(({ missing }) => missing.batches.length > 0);
  }

  get isEmpty(): boolean {
    return !this.#batches && this.#accounts.size === 0 && this.attempts.length === 0;
  }

  /** Whether the command may be missing. */
  covers(command: RegisteredCommand): boolean {
    return this.#batches || accountsOf(command).some((account) => this.#accounts.has(account));
  }

  /** Whether its answers may tell of what is no more. */
  excusesCommand({ attempts, open, across }: RegisteredCommand): boolean {
    // A part that was lost is made again, on what its accounts are by then.
    return !this.isEmpty && (attempts.length + (open ? 1 : 0) > 1 || across !== null);
  }
}

/** Those that it names, and those that its answers show. */
function accountsOf({ operation, attempts, knownOutcome }: RegisteredCommand): string[] {
  const named =
    "account" in operation ? [operation.account ?? ""] : "from" in operation ? [operation.from] : [];
  const postings = "postings" in operation ? operation.postings.flatMap(({ from, to }) => [from, to]) : [];
  const answers = [
    ...attempts.map(({ answer }) => answer),
    ...(knownOutcome === null ? [] : [knownOutcome.answer]),
  ];
  const shown = answers.flatMap((answer) =>
    answer.type === "accepted" ? answer.accounts.map(({ id }) => id) : [],
  );
  return [...named, ...postings, ...shown];
}
