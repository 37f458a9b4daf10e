import { messageOf } from "../../../src/errors.ts";
import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import { httpProbe } from "../../../src/stack/probes.ts";
import type { ProcessPlan } from "../../../src/stack/process-plan.ts";

const POLL_MILLISECONDS = 100;
/**
 * The words in the answer of /readyz that tell an operator to restore. `init` too: if Redis is empty the APIs cannot
 * tell whether it ever held anything; `razonete init` would refuse and name the restore.
 */
const RESTORE_ADVICE = /razonete (restore|init)/;
/** After so many checks in a row it restores, if all APIs name the restore: they may have read a Redis that still loads. */
const FENCED_CHECKS = 3;
/** The same if only some APIs name it: a person would first wait and see whether they recover. */
const PARTLY_FENCED_CHECKS = 50;

/** Acts like a person who reads /readyz of the APIs: restores if they say so. */
export class SimulatedOperator {
  readonly #apis: readonly ProcessPlan[];
  readonly #restore: () => Promise<RestoreReport>;
  #reports: RestoreReport[] = [];
  #fencedChecks = 0;
  /** Of the access key that it asks with; null as long as the APIs ask for none. */
  token: string | null = null;
  /** Why the latest restore failed; null if it did not. */
  restoreError: string | null = null;

  /** @param restore rejects if it does not restore */
  constructor(apis: readonly ProcessPlan[], restore: () => Promise<RestoreReport>) {
    this.#apis = apis;
    this.#restore = restore;
  }

  /** The restores since the last call. */
  takeReports(): RestoreReport[] {
    const reports = this.#reports;
    this.#reports = [];
    return reports;
  }

  /** Checks the APIs once, and restores if it is time to. @returns what is wrong with the APIs */
  async check(): Promise<string[]> {
    const readiness = await Promise.all(
      this.#apis.map(async (api) => ({
        name: api.name,
        reason: (await api.probe()) ?? (await whyNotAnswering(api, this.token)),
      })),
    );
    const problems = readiness.flatMap(({ name, reason }) => (reason === null ? [] : [`${name}: ${reason}`]));
    const fenced = readiness.filter(({ reason }) => reason !== null && RESTORE_ADVICE.test(reason)).length;
    this.#fencedChecks = fenced === 0 ? 0 : this.#fencedChecks + 1;
    if (this.#fencedChecks < (fenced === this.#apis.length ? FENCED_CHECKS : PARTLY_FENCED_CHECKS))
      return problems;
    this.#fencedChecks = 0;
    try {
      this.#reports.push(await this.#restore());
      this.restoreError = null;
    } catch (error) {
      this.restoreError = messageOf(error);
    }
    return problems;
  }

  /**
   * Checks until every API answers, at most for this time. Other faults may go on meanwhile, and hit the restore too.
   */
  async watchUntilReady(milliseconds: number): Promise<void> {
    const deadline = performance.now() + milliseconds;
    while ((await this.check()).length > 0 && performance.now() < deadline) {
      await Bun.sleep(POLL_MILLISECONDS);
    }
  }
}

/**
 * Why the API does not show an account; null if it does. An API also calls itself ready when it has just lost Redis and
 * does not know yet what comes back: only an answer proves that it works.
 */
function whyNotAnswering({ socket, environment }: ProcessPlan, token: string | null): Promise<string | null> {
  const address = socket === undefined ? `127.0.0.1:${environment["PORT"]}` : "api";
  return httpProbe(`http://${address}/clientes/1/extrato`, socket, token ?? undefined)();
}
