/**
 * Every bound of the system in one place. The unit is the last word of a name before `max` or `min`;
 * how the bounds hang together is asserted below, so that a change which breaks a relation does not start.
 */
import assert from "node:assert";

/** The largest amount of money, in cents, that a value, a limit or a balance may have: 2^53 - 1. */
export const MONEY_CENTS_MAX: number = Number.MAX_SAFE_INTEGER;

export const bounds = {
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
  /** A command waits this long for a decision, then its client is told that there is none, or that it is not known. */
  decision_milliseconds_max: 2000,
  /**
   * And so long before that where the process was just started and has not found Redis yet: both together are less than
   * the 3 s that the balancer waits for an API.
   */
  first_admission_milliseconds_max: 900,
  /** How often what waits is looked through for passed deadlines. */
  deadline_check_milliseconds: 50,
  /** Commands, or readings, in one call of the Redis function. Lua's stack holds 8,000 values; a command takes two. */
  call_commands_max: 512,
  /** Where at least so many requests were in a call or waiting when it was answered, the next one waits for as many. */
  linger_requests_min: 4,
  /** But no longer than this. */
  linger_milliseconds: 2,
  redis_connect_milliseconds_max: 2000,
  redis_ping_milliseconds: 1000,
  /** A Redis that says nothing for so long, pings included, is taken for gone. */
  redis_silence_milliseconds_max: 5000,
  redis_reconnect_milliseconds_max: 500,
  /** How long between two comparisons of Redis with the books while they do not agree. */
  fence_retry_milliseconds: 200,
  /** A shard that nobody has called for so long is asked whether the fence still holds. */
  fence_look_milliseconds: 500,
  /** A batch whose answer was lost is sent again after this. */
  resend_milliseconds: 20,
  /** A data file up to this size (some 3.5 million entries) is checked whole at the start, within about 2 s. */
  start_check_bytes_max: 256 * 1024 * 1024,
  /** After this a stop no longer waits for requests in flight: a client may have stalled half-way through one. */
  stop_milliseconds_max: 10_000,
  /** An idle connection is closed after this. Longer than the idle pool of common balancers (60 s). */
  connection_idle_seconds_max: 120,
  /** Each has a writer with a connection to PostgreSQL of its own. */
  shards_max: 64,
  books_connect_seconds_max: 5,
  /** Between attempts to connect to PostgreSQL. */
  books_reconnect_milliseconds: 100,
  /** After this PostgreSQL itself ends a statement, one that waits for a lock for instance. */
  books_statement_milliseconds_max: 5_000,
  /** After this a connection to PostgreSQL that does not answer is given up. */
  books_answer_milliseconds_max: 7_000,
  /** The same for an API, whose client waits: shorter than the 3 s that the balancer waits for an API. */
  history_milliseconds_max: 1_500,
  /** Once this many entries are at hand, the writer keeps them without waiting for more. */
  keep_entries_target: 5_000,
  /** The writer begins a transaction at most this often while it is not behind: fewer, larger ones cost less. */
  keep_pace_milliseconds: 50,
  /** What is missing in the feed may just be late; after this it is read from the outbox. */
  feed_patience_milliseconds: 40,
  /** How often the writer looks at the outbox by itself, and trims it. */
  outbox_look_milliseconds: 100,
  /** Batches in one reading of the outbox. */
  outbox_read_batches_max: 1_000,
  /** Between attempts of the writer to go on, where a server is away: doubled each time, up to this. */
  keep_retry_milliseconds_max: 1_000,
  /** How often a writer that stands by tries to become the active one, and the active one proves its connection. */
  role_look_milliseconds: 500,
  /** Batches from the feed that the writer holds until those before them are kept; the outbox has all others. */
  feed_waiting_batches_max: 2_000,
  /** Batches on their way to NATS; what is over is not published. */
  feed_unconfirmed_batches_max: 1_024,
  /** Batches of so long go to NATS together. */
  feed_pace_milliseconds: 20,
  /** How long a process that ends waits for NATS to take the last batches. */
  feed_flush_milliseconds_max: 500,
  feed_reconnect_milliseconds: 250,
  /** How often it is made sure that the stream is there. */
  feed_stream_look_milliseconds: 2_000,
  /** How much of the past the stream holds for subscribers; the older is discarded. */
  feed_kept_seconds: 24 * 60 * 60,
  feed_kept_bytes_max: 256 * 1024 * 1024,
  /** A NATS that says nothing for so long is not read any further. */
  stream_silence_milliseconds_max: 5_000,
  stream_read_messages_max: 1_000,
  /** Values in one call that loads Redis. Lua's stack holds 8,000. */
  load_values_max: 4_000,
  /** Such calls on their way at once. */
  load_calls_max: 4,
  /** Rows that are taken from the books at once to be loaded into Redis. */
  load_rows_max: 2_000,
  /** So many batches before one that was displaced by another are compared with the books as well. */
  restore_compared_batches: 1_000,
  /** Keys that Redis is asked for at once, to be deleted or compared. */
  scan_keys_max: 1_000,
  /** Accounts and gaps that a restore tells a person; the rest are counted. */
  missing_told_max: 20,
  /** Findings of an audit that are told one by one; of the others only the count. */
  audit_findings_told_max: 50,
  /** Rows of one kind of damage that are read to be named; of the others only the count. */
  audit_rows_named_max: 1_000,
  /** Accounts that PostgreSQL itself looks at closely in one query. */
  audit_odd_accounts: 10_000,
  /** Accounts whose state in Redis is compared with the books at once. */
  audit_chunk_accounts: 250,
  audit_chunks_at_once_max: 3,
  /** Accounts that were changing while they were compared, and are compared with the outbox at once. */
  audit_moving_accounts: 1_000,
  /** Messages of the feed that are compared with the books at once. */
  audit_chunk_batches: 500,
  /** How long an audit waits for each server to answer at all. */
  audit_connect_milliseconds_max: 5_000,
  /** An audit that takes longer than this shows how far it is. */
  audit_quiet_milliseconds: 1_000,
  /** One that has more to do than this, counted in entries, will take longer, and shows it from its beginning. */
  audit_quiet_work_max: 1_000_000,

  /** How long `razonete init` waits for servers that are just being started. */
  init_wait_milliseconds_max: 30_000,
} as const;

const longestEscape = "\\ud83d\\ude00".length; // one code point outside the BMP, as two \u escapes
assert(bounds.name_characters_max * longestEscape * 2 < bounds.body_bytes_max);
assert(bounds.description_characters_max * longestEscape * 2 < bounds.body_bytes_max);
assert(bounds.history_page_entries_default <= bounds.history_page_entries_max);
assert(bounds.statement_entries_max <= bounds.history_page_entries_max);
assert(bounds.stop_milliseconds_max < bounds.connection_idle_seconds_max * 1000);
assert(bounds.call_commands_max * 2 < 8000);
assert(bounds.redis_ping_milliseconds < bounds.redis_silence_milliseconds_max);
assert(bounds.decision_milliseconds_max < bounds.stop_milliseconds_max);
// An answered transaction is in the books within 250 ms, also where the feed does not bring it.
assert(
  bounds.keep_pace_milliseconds + bounds.feed_patience_milliseconds + bounds.outbox_look_milliseconds < 250,
);
// A batch that is just being collected for the feed is not missing.
assert(bounds.feed_pace_milliseconds < bounds.feed_patience_milliseconds);
assert(bounds.books_statement_milliseconds_max < bounds.books_answer_milliseconds_max);

assert(bounds.connection_idle_seconds_max <= 255, "Bun.serve takes at most 255 s");
