import { contestRules } from "../contest-rules.ts";
import type { Verdict } from "../run-result.ts";

/** What the verdict depends on. */
export interface RunTotals {
  readonly complete: boolean;
  /** Requests of the ramp and the steady phase that were answered or failed. */
  readonly requests: number;
  /** Answered correctly and in time. */
  readonly inTime: number;
  readonly failures: number;
  readonly inconsistencies: number;
}

/** The contest's verdict, in USD. A run without any request has none in time. */
export function verdictOf(totals: RunTotals): Verdict {
  const share = totals.requests === 0 ? 0 : totals.inTime / totals.requests;
  const missing = Math.max(0, contestRules.answered_within_percent - share * 100);
  const fineForLatencyUsd = cents(missing * contestRules.fine_percent_usd);
  const fineForInconsistenciesUsd = cents(totals.inconsistencies * contestRules.fine_inconsistency_usd);
  return {
    passed: totals.complete && totals.failures === 0,
    shareUnder250ms: share,
    inconsistencies: totals.inconsistencies,
    fineForLatencyUsd,
    fineForInconsistenciesUsd,
    paymentUsd: cents(Math.max(0, contestRules.payment_usd - fineForLatencyUsd - fineForInconsistenciesUsd)),
  };
}

function cents(usd: number): number {
  return Math.round(usd * 100) / 100;
}
