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

  /** After the harms of a round the system must be whole again within this; what a restore takes is not counted. */
  torture_heal_milliseconds_max: 60_000,
  /** A look at everything that takes longer than this has waited for a restore. */
  torture_look_milliseconds_max: 5_000,
  /** How long an operator tries to restore while the load and other harm go on. */
  torture_attend_milliseconds_max: 20_000,
  torture_restore_milliseconds_max: 120_000,
  torture_audit_milliseconds_max: 120_000,
  /** The disks, in memory, on which the servers work where a disk is to be full; only what is used takes memory. */
  torture_redis_disk_bytes: 1024 * 1024 * 1024,
  torture_nats_disk_bytes: 512 * 1024 * 1024,
  torture_postgres_disk_bytes: 1024 * 1024 * 1024,
  /** On that disk; the deployed bound of PostgreSQL's log is larger than the disk. */
  torture_postgres_wal_bytes_max: 256 * 1024 * 1024,
  torture_ledger_disk_bytes: 1024 * 1024 * 1024,
  torture_seconds_max: 24 * 60 * 60,
  /** Of load and harm; then everything is brought up again and compared. */
  torture_round_seconds: 20,
  torture_clients: 24,
  /** Between two requests of a client: with all of them at most some 200 requests a second, a part of what two cores do. */
  torture_pause_milliseconds_min: 40,
  torture_pause_milliseconds_max: 200,
  /** After this a client gives a request up, longer than HAProxy takes to try every API. */
  torture_answer_milliseconds_max: 10_000,
  /** How often a client sends one command, at most. */
  torture_attempts_max: 5,
  /** What an outage is looked for in, after the end of each fault. */
  torture_recovery_milliseconds: 5_000,
  /** Without a fault decisions come closer together than this: what begins so shortly before a fault is of its making. */
  torture_outage_milliseconds_min: 250,
  /** How long the system, once healed, has for answering each request of a proof that it does. */
  torture_proof_milliseconds_max: 5_000,
  /** Violations that are told in words, and attempts that are told of each; the run's folder has all. */
  torture_violations_told_max: 50,
  torture_attempts_told_max: 10,
} as const;

const longestEscape = "\\ud83d\\ude00".length; // one code point outside the BMP, as two \u escapes
assert(limits.name_characters_max * longestEscape * 2 < limits.body_bytes_max);
assert(limits.description_characters_max * longestEscape * 2 < limits.body_bytes_max);
assert(limits.history_page_entries_default <= limits.history_page_entries_max);
assert(limits.statement_entries_max <= limits.history_page_entries_max);
assert(limits.stop_milliseconds_max < limits.connection_idle_seconds_max * 1000);
assert(limits.call_commands_max * 2 < 8000);
assert(limits.redis_ping_milliseconds < limits.redis_silence_milliseconds_max);
assert(limits.decision_milliseconds_max < limits.stop_milliseconds_max);
// An answered transaction is in the books within 250 ms, also where the feed does not bring it.
assert(
  limits.keep_pace_milliseconds + limits.feed_patience_milliseconds + limits.outbox_look_milliseconds < 250,
);
// A batch that is just being collected for the feed is not missing.
assert(limits.feed_pace_milliseconds < limits.feed_patience_milliseconds);
assert(limits.books_statement_milliseconds_max < limits.books_answer_milliseconds_max);

assert(limits.stop_milliseconds_max < limits.stack_stop_milliseconds_max);
assert(limits.feed_kept_bytes_max < limits.torture_nats_disk_bytes);
// Tables and indexes need room beside the log, of which there may be twice as much for a moment.
assert(limits.torture_postgres_wal_bytes_max * 3 < limits.torture_postgres_disk_bytes);
assert(limits.connection_idle_seconds_max <= 255, "Bun.serve takes at most 255 s");
