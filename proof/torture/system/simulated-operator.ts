import { messageOf } from "../../../src/errors.ts";
import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import { httpProbe } from "../../../src/stack/probes.ts";
import type { ProcessPlan } from "../../../src/stack/stack-plan.ts";

const POLL_MILLISECONDS = 100;
/**
 * The words of /readyz that send an operator to the restore. `init` too: of a Redis that has nothing at all the APIs
 * cannot tell whether it ever had anything; `razonete init` would refuse it and name the restore.
 */
const RESTORE_ADVICE = /razonete (restore|init)/;
/** So often in a row an API must have named the restore: it may have compared Redis while that was still loading. */
const FENCED_CHECKS = 3;
/** Where only some APIs name it, a person would first wait whether the others bring them round. */
const PARTLY_FENCED_CHECKS = 50;

/** Does what a person does who reads /readyz of the APIs: restores where that is named as the way out. */
export class SimulatedOperator {
  readonly #apis: readonly ProcessPlan[];
  readonly #restore: () => Promise<RestoreReport>;
  #reports: RestoreReport[] = [];
  #fencedChecks = 0;
  /** Why the latest restore failed; null where it did not. */
  restoreError: string | null = null;

  /** @param restore rejects where it does not restore */
  constructor(apis: readonly ProcessPlan[], restore: () => Promise<RestoreReport>) {
    this.#apis = apis;
    this.#restore = restore;
  }

  /** What was restored since the last call. */
  takeReports(): RestoreReport[] {
    const reports = this.#reports;
    this.#reports = [];
    return reports;
  }

  /** Looks once, and acts where it is time to. @returns what is wrong with the APIs */
  async check(): Promise<string[]> {
    const readiness = await Promise.all(
      this.#apis.map(async (api) => ({
        name: api.name,
        reason: (await api.probe()) ?? (await whyNotAnswering(api)),
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

  /** Stays until every API answers, or that long. Other harm may go on meanwhile, to the restore as well. */
  async watchUntilReady(milliseconds: number): Promise<void> {
    const deadline = performance.now() + milliseconds;
    while ((await this.check()).length > 0 && performance.now() < deadline) {
      await Bun.sleep(POLL_MILLISECONDS);
    }
  }
}

/**
 * Why the API does not show an account; null where it does. Ready is also one that has just lost Redis and does not
 * know yet what comes back: only an answer proves it.
 */
function whyNotAnswering({ socket, environment }: ProcessPlan): Promise<string | null> {
  const address = socket === undefined ? `127.0.0.1:${environment["PORT"]}` : "api";
  return httpProbe(`http://${address}/clientes/1/extrato`, socket)();
}
