/** Bounds of the load test's own, beside what the contest fixes. The unit is the last word before `max` or `min`. */
import assert from "node:assert";

export const loadTestBounds = {
  scale_min: 0.001,
  scale_max: 100,
  rate_min: 0.1,
  rate_max: 100,
  seed_max: 2 ** 31 - 1,
  /** A request without a whole answer by then has failed, as in Gatling. Shorter where the phases are shorter. */
  answer_milliseconds_max: 60_000,
  answer_milliseconds_min: 2000,
  /** After Ctrl-C: how long requests in flight are waited for. */
  interrupted_milliseconds_max: 1000,
  /** An answer's headers and body. The longest right one, a statement, has about 2,000. */
  answer_bytes_max: 256 * 1024,
  /** Failures that are kept in words; all are counted. */
  failures_recorded_max: 1000,
  /** Failures that are printed at the end. */
  failures_shown_max: 10,
  /** Accepted transactions of each account whose answers are remembered, to judge statements by. */
  remembered_transactions: 1024,
  /** Transactions of unknown outcome whose sums are searched exactly; with more, nearly every sum is possible. */
  unknown_transactions_searched_max: 200,
  /** From this p99 on the generator's own delay spoils the figures. */
  generator_delay_p99_milliseconds_max: 2,
  /** How often progress is shown, on a terminal and elsewhere. */
  progress_terminal_milliseconds: 250,
  progress_plain_milliseconds: 5000,
} as const;

assert(loadTestBounds.answer_milliseconds_min < loadTestBounds.answer_milliseconds_max);

/** How long a request may take, at this scale. */
export function answerTimeoutMilliseconds(scale: number): number {
  const scaled = loadTestBounds.answer_milliseconds_max * scale;
  return Math.min(
    loadTestBounds.answer_milliseconds_max,
    Math.max(loadTestBounds.answer_milliseconds_min, scaled),
  );
}
