import { contest } from "../contest-rules.ts";
import type { Verdict } from "../run-result.ts";

/** What the verdict depends on. */
export interface Tally {
  readonly complete: boolean;
  /** Of the ramp and the steady phase, that ended with an answer or failed. */
  readonly requests: number;
  /** Answered as they should be, and in time. */
  readonly inTime: number;
  readonly failures: number;
  readonly inconsistencies: number;
}

/** The contest's judgement, in its own money. A run without any request has none in time. */
export function verdictOf(tally: Tally): Verdict {
  const share = tally.requests === 0 ? 0 : tally.inTime / tally.requests;
  const missing = Math.max(0, contest.answered_within_percent - share * 100);
  const fineForLatencyUsd = cents(missing * contest.fine_percent_usd);
  const fineForInconsistenciesUsd = cents(tally.inconsistencies * contest.fine_inconsistency_usd);
  return {
    passed: tally.complete && tally.failures === 0,
    shareUnder250ms: share,
    inconsistencies: tally.inconsistencies,
    fineForLatencyUsd,
    fineForInconsistenciesUsd,
    paymentUsd: cents(Math.max(0, contest.payment_usd - fineForLatencyUsd - fineForInconsistenciesUsd)),
  };
}

function cents(usd: number): number {
  return Math.round(usd * 100) / 100;
}
