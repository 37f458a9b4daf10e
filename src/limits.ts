/**
 * Every bound of the system in one place. The unit is the last word of a name before `max` or `min`;
 * how the bounds hang together is asserted below, so that a change which breaks a relation does not start.
 */
import assert from "node:assert";

/** The largest amount of money, in cents, that a value, a limit or a balance may have: 2^53 - 1. */
export const MONEY_CENTS_MAX: number = Number.MAX_SAFE_INTEGER;

export const limits = {
  /** A request's body. The longest valid one, with every character escaped, fits several times. */
  body_bytes_max: 4096,
  /** `descricao`, in code points (contract). */
  description_characters_max: 10,
  /** `nome`, in code points. */
  name_characters_max: 100,
  /** `Idempotency-Key`, visible ASCII characters. */
  idempotency_key_characters_max: 255,
  /** How long the outcome of a command with an `Idempotency-Key` is remembered. */
  idempotency_key_kept_seconds: 24 * 60 * 60,
  /** Entries in a statement (contract). */
  statement_entries_max: 10,
  history_page_entries_default: 50,
  history_page_entries_max: 100,
  /** Commands in one commit of the embedded ledger; what is over waits for the next one. */
  batch_commands_max: 1024,
  /** Accounts that the embedded ledger keeps in memory; colder ones are read from the file (about 200 B each). */
  accounts_cached_max: 50_000,
  /** A data file up to this size (some 3.5 million entries) is checked whole at the start, within about 2 s. */
  start_check_bytes_max: 256 * 1024 * 1024,
  /** After this a stop no longer waits for requests in flight: a client may have stalled half-way through one. */
  stop_milliseconds_max: 10_000,
  /** An idle connection is closed after this. Longer than the idle pool of common balancers (60 s). */
  connection_idle_seconds_max: 120,
  /** APIs behind one balancer: as many as deploy/haproxy/haproxy.cfg has places for. */
  stack_apis_max: 8,
  stack_writers_max: 8,
  /** After this the start of a stack fails. Long: Redis may have a large log to read, PostgreSQL much to recover. */
  stack_start_milliseconds_max: 180_000,
  /** After this a process that was told to stop is killed. Longer than an API takes to drain and to stop. */
  stack_stop_milliseconds_max: 20_000,
  /** How long a stop waits for the writer to keep what is in the outbox; the rest is kept after the next start. */
  stack_keep_milliseconds_max: 10_000,
  /** A log of a stack's process is moved aside when it is larger; one old one is kept. */
  stack_log_bytes_max: 16 * 1024 * 1024,
} as const;

const longestEscape = "\\ud83d\\ude00".length; // one code point outside the BMP, as two \u escapes
assert(limits.name_characters_max * longestEscape * 2 < limits.body_bytes_max);
assert(limits.description_characters_max * longestEscape * 2 < limits.body_bytes_max);
assert(limits.history_page_entries_default <= limits.history_page_entries_max);
assert(limits.statement_entries_max <= limits.history_page_entries_max);
assert(limits.stop_milliseconds_max < limits.connection_idle_seconds_max * 1000);
assert(limits.stop_milliseconds_max < limits.stack_stop_milliseconds_max);
assert(limits.connection_idle_seconds_max <= 255, "Bun.serve takes at most 255 s");
