/** The load test's own bounds, beside the contest's rules. The last word before `max` or `min` is the unit. */
import assert from "node:assert";

export const loadTestBounds = {
  scale_min: 0.001,
  scale_max: 100,
  rate_min: 0.1,
  rate_max: 100,
  seed_max: 2 ** 31 - 1,
  timeout_seconds_min: 1,
  timeout_seconds_max: 600,
  /**
   * A request without a complete answer after this time has failed, as in Gatling. Shorter if the phases are shorter.
   */
  answer_milliseconds_max: 60_000,
  answer_milliseconds_min: 2000,
  /** After Ctrl-C: how long the run waits for requests in flight. */
  interrupted_milliseconds_max: 1000,
  /** Headers and body of one answer. The longest correct answer, a statement, has about 2,000 bytes. */
  answer_bytes_max: 256 * 1024,
  /** Failures whose messages are recorded. All failures are counted. */
  failures_recorded_max: 1000,
  /** Failures that are printed at the end. */
  failures_shown_max: 10,
  /** Accepted transactions of each account whose answers are remembered, to check statements against them. */
  remembered_transactions: 1024,
  /** Transactions of unknown outcome whose sums are searched exactly. With more, nearly every sum is possible. */
  unknown_transactions_searched_max: 200,
  /** If the p99 of the generator's own delay reaches this, the figures are not the server's alone. */
  generator_delay_p99_milliseconds_max: 2,
  /** Interval between progress updates, on a terminal and elsewhere. */
  progress_terminal_milliseconds: 250,
  progress_plain_milliseconds: 5000,
} as const;

assert(loadTestBounds.answer_milliseconds_min < loadTestBounds.answer_milliseconds_max);

/** How long a request may take at this scale. */
export function answerTimeoutMilliseconds(scale: number): number {
  const scaled = loadTestBounds.answer_milliseconds_max * scale;
  return Math.min(
    loadTestBounds.answer_milliseconds_max,
    Math.max(loadTestBounds.answer_milliseconds_min, scaled),
  );
}
