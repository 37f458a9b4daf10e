import type { Readiness } from "../ledger/ledger.ts";
import type { Report } from "../log/report.ts";

/** One line whenever a ledger's readiness changes, and for each new reason why it is not ready. */
export class OutageReports {
  readonly #report: Report;
  /** The reasons that were reported since the ledger was last ready. That a start is not ready at once is none. */
  readonly #reasons = new Set<string>();
  #refusal: string | null = null;

  constructor(atStart: Readiness, report: Report) {
    this.#report = report;
    if (!atStart.ready) this.#reasons.add(atStart.reason);
  }

  /** @param refusal why Redis, though it answers, takes no transactions; null if it does */
  look(state: Readiness, refusal: string | null): void {
    if (!state.ready && !this.#reasons.has(state.reason)) {
      this.#reasons.add(state.reason);
      this.#report(`not ready: ${state.reason}`, { outage: "not ready" });
    } else if (state.ready && this.#reasons.size > 0) {
      this.#reasons.clear();
      this.#report("ready");
    }
    if (state.ready && (refusal === null) !== (this.#refusal === null)) {
      this.#refusal = refusal;
      this.#report(
        refusal === null ? "Redis takes transactions again" : `Redis refuses transactions: ${refusal}`,
        refusal === null ? { server: "Redis" } : { server: "Redis", outage: "refuses" },
      );
    }
  }
}
