/**
 * All bounds of the system in one place. The unit is the last word of a name before `max` or `min`. Relations between
 * bounds are asserted below, so that the program does not start after a change that breaks one. Only the range of amounts
 * is not here: it is one of the rules, see ledger/rules.ts.
 */
import assert from "node:assert";
import { hookBounds } from "./hook-bounds.ts";

export const bounds = {
  /** Size of a request's body: on the contest's route, on the others, and of a batch. */
  contest_body_bytes_max: 4096,
  body_bytes_max: 8192,
  batch_body_bytes_max: 256 * 1024,
  /** Commands in one request. */
  batch_request_commands_max: 500,
  /** Fields of a request that an answer calls wrong; any others are not named. */
  field_errors_told_max: 20,
  /** Of the name of a member that is not known. */
  member_characters_told_max: 100,
  /** `descricao`, in code points (contract). */
  contest_description_characters_max: 10,
  /** Of transactions and holds, in code points. */
  description_characters_max: 140,
  /** Visible ASCII characters. */
  reference_characters_max: 64,
  /** Of accounts, in code points. */
  name_characters_max: 100,
  metadata_members_max: 20,
  /** In code points. */
  metadata_name_characters_max: 40,
  metadata_text_characters_max: 200,
  /** All names and texts together, in UTF-8. */
  metadata_bytes_max: 1024,
  transaction_postings_max: 20,
  transaction_conditions_max: 10,
  hold_seconds_default: 600,
  /** 30 days. */
  hold_seconds_max: 2_592_000,
  /** `Idempotency-Key`, visible ASCII characters. */
  idempotency_key_characters_max: 255,
  /** How long the outcome of a command with an `Idempotency-Key` is remembered, where nothing else is set. */
  idempotency_key_kept_seconds: 24 * 60 * 60,
  /** What may be set instead. */
  idempotency_hours_max: 168,
  /** Entries in a statement (contract). */
  statement_entries_max: 10,
  /** As many characters of a description are in a statement. */
  statement_description_characters: 10,
  /** An access key that was found right is not looked at again for so long. */
  access_key_known_milliseconds: 500,
  access_keys_known_max: 1_000,
  /** Of one address, where other machines can reach the server; see RATE_PER_ADDRESS. */
  address_requests_per_second: 1_000,
  /** Addresses, or keys, whose requests are counted at once; twice as many are in memory. */
  limited_addresses_max: 10_000,
  limited_keys_max: 10_000,
  /** Wrong access keys from one address within so many seconds; after them, what is not known is not looked at. */
  wrong_keys_per_address: 10,
  wrong_keys_seconds: 60,
  list_items_default: 50,
  list_items_max: 100,
  /** Commands in one commit of the embedded ledger; the others wait for the next commit. */
  batch_commands_max: 1024,
  /** Holds that one commit of the embedded ledger ends because their time has come. */
  expiries_in_batch_max: 200,
  /** How often the embedded ledger looks for holds that are due where nobody asks. */
  expiry_look_milliseconds: 1_000,
  /** Accounts, or holds, that a list of the embedded ledger reads before it lets decisions go on. */
  list_chunk_rows: 500,
  /** Accounts; to look at one takes some 1.5 microseconds. */
  list_slice_accounts: 2_000,
  /** Of transactions, each of which is read from the journal. */
  list_chunk_transactions: 25,
  /** Of the journal itself, each with all that one commit decided. */
  list_chunk_journal_rows: 16,
  /** Entries, or accounts, of which the trial balance of the embedded ledger adds up so many before it lets decisions go on. */
  totals_chunk_rows: 10_000,
  /** Accounts that the embedded ledger keeps in memory (about 200 B each); others are read from the file. */
  accounts_cached_max: 50_000,
  /** A command waits this long for a decision. Then its client is told that nothing was done, or that it is unknown. */
  decision_milliseconds_max: 2000,
  /** A shard that has not told by then how the commands of a batch were decided before is asked to decide them. */
  recall_milliseconds_max: 500,
  /** Parts of transactions across shards that are open for so long, up to twice, are completed by any API. */
  transit_stale_milliseconds: 5000,
  /** Of them so many at once, the oldest first. More are only where a shard that decides them is away. */
  transit_stale_count_max: 1000,
  /** Before the next attempt where an account is locked. */
  transit_pause_milliseconds_max: 20,
  /**
   * In a process that was just started and has not reached Redis yet, a command waits this long before that. Both
   * together are less than the 3 s that the balancer waits for an API.
   */
  first_admission_milliseconds_max: 900,
  /** How often waiting requests are checked for passed deadlines. */
  deadline_check_milliseconds: 50,
  /**
   * A process that stood still (frozen, or starved of CPU) skips this many checks. Meanwhile it reads the answers that
   * came in the meantime, or connects to Redis anew and sends the same commands again.
   */
  deadline_checks_skipped: 6,
  /**
   * Of the commands in one call of the Redis function, each of which weighs about as many as it costs transactions of the
   * contest's route, or of reads. Redis does nothing else meanwhile: about 10 ms. Only what is atomic may be more, and what asks
   * how a whole batch was decided before.
   */
  call_weight_max: 512,
  /** If at least this many requests were in a call or waiting when it was answered, the next call waits for as many. */
  linger_requests_min: 4,
  /** But not longer than this. */
  linger_milliseconds: 2,
  redis_connect_milliseconds_max: 2000,
  /** Replicas that may be waited for. */
  replicas_max: 5,
  /**
   * How long a primary waits for its replicas before the outcome counts as unknown. It runs nothing else of that
   * connection meanwhile. Redis looks at this time once in 100 ms.
   */
  replicas_milliseconds_max: 500,
  /**
   * The same where all replicas have to confirm. One that was lost just now would hold up the others for too long; and with
   * Redis's 100 ms, two of these in a row are no silence of the primary.
   */
  replicas_doubt_milliseconds_max: 100,
  /** Time between two looks for the primary of a shard, while it is not known or not reached. */
  primary_look_milliseconds: 50,
  /** Time between two looks whether a connection that has just begun is there. */
  node_look_milliseconds: 10,
  /** Nodes that have not told their view of the cluster within this time are not waited for. */
  cluster_answer_milliseconds_max: 250,
  /**
   * After so many looks of `fence_look_milliseconds` without any answer to what was asked, about 1 s, a shard's primary is
   * given up and looked for again. Longer than it waits for its replicas; short, as a cluster has a new primary 1.4 to
   * 1.9 s after the old one froze, and decisions are to go on within 3 s.
   */
  primary_silent_looks_max: 4,
  /** `cluster-node-timeout`: before a primary was silent for so long, a cluster elects nobody in its place. */
  node_timeout_milliseconds_min: 500,
  /** A primary that was not heard for longer may have been replaced. Longer than an idle one is not asked for. */
  primary_unheard_milliseconds_max: 450,
  /**
   * For so long after that, or after it has replaced another one, one replica's word is too little. Then an election is won
   * or given up: votes need a primary that counts as failing, as one that is back does for two `cluster-node-timeout`, and
   * they count for 2 s.
   */
  primary_doubt_milliseconds: 3_000,
  /** A shard that has not decided for so long needs a person: a cluster has a new primary sooner. */
  shard_alarm_milliseconds: 6_000,
  /** From then on what the person is to do is looked up this often: what is there may change. */
  shard_advice_milliseconds: 5_000,
  redis_ping_milliseconds: 1000,
  /** If Redis sends nothing for this long, not even answers to pings, the connection counts as lost. */
  redis_silence_milliseconds_max: 5000,
  redis_reconnect_milliseconds_max: 500,
  /** Time between two comparisons of Redis with the books while they do not agree. */
  fence_retry_milliseconds: 200,
  /** A shard that was not called for this long is called, to check that Redis is still the expected one. */
  fence_look_milliseconds: 250,
  /** After so many of these looks without any answer to what was asked, some 2 s, an API is not ready. */
  fence_silent_looks_max: 9,
  /** How often an API looks in the books for access keys that were made or revoked. A revoked one is refused within 5 s. */
  access_keys_look_milliseconds: 2_000,
  /** The same for the embedded ledger, whose keys are in a file. */
  access_key_file_look_milliseconds: 1_000,
  /** Between attempts to read them while that fails, and how long one may take. */
  access_keys_retry_milliseconds: 200,
  access_keys_answer_milliseconds_max: 1_500,
  /** How long `razonete keys` waits for the file of another one that is just writing. */
  access_key_file_busy_milliseconds: 5_000,
  /** Requests a second that a key may be given. */
  access_key_rate_max: 1_000_000,
  /** How often APIs and writer look at the settings of the servers that they rely on. */
  settings_look_milliseconds: 500,
  /** A batch whose answer was lost is sent again after this time. */
  resend_milliseconds: 20,
  /** A data file up to this size (about 3.5 million entries) is checked completely at the start, in about 2 s. */
  start_check_bytes_max: 256 * 1024 * 1024,
  /** After this time a stop no longer waits for requests in flight: a client may have stalled in the middle of one. */
  stop_milliseconds_max: 10_000,
  /** An idle connection is closed after this time. Longer than common balancers keep idle connections (60 s). */
  connection_idle_seconds_max: 120,
  /** The body of a request has to come within this time, as through HAProxy. Bun itself bounds the time of its head. */
  body_milliseconds_max: 10_000,
  /** It ends so much later at most. */
  body_look_milliseconds: 500,
  /** Connections of clients to the embedded ledger at once; fewer where fewer files may be open. */
  connections_max: 10_000,
  connections_look_milliseconds: 250,
  /**
   * How long the listener with the certificate before goes on beside the new one, for clients that keep a connection:
   * until the idle ones among them were closed.
   */
  certificate_overlap_milliseconds: 130_000,
  /**
   * A process that serves does not start where fewer files may be open: a balancer sends 500 requests to one API at once,
   * and clients of the embedded ledger keep connections open.
   */
  open_files_min: 1024,
  /** For each shard, the writer has its own connection to PostgreSQL. */
  shards_max: 64,
  books_connect_seconds_max: 5,
  /** Where DATABASE_URL names several hosts, a silent one holds up the next for so long. */
  books_next_host_milliseconds: 250,
  /** Between attempts to connect to PostgreSQL. */
  books_reconnect_milliseconds: 100,
  /** After this time PostgreSQL itself ends a statement, for example one that waits for a lock. */
  books_statement_milliseconds_max: 5_000,
  /** After this time a connection to PostgreSQL that does not answer is given up. */
  books_answer_milliseconds_max: 7_000,
  /** The same in an API, where a client waits: shorter than the 3 s that the balancer waits for an API. */
  history_milliseconds_max: 1_500,
  /** Accounts that are looked through for one page of them; it ends there, with fewer of them. */
  list_accounts_rows_max: 100_000,
  /** Rows of the journal that are looked through for one page of transactions; it ends there, with fewer of them. */
  list_journal_rows_max: 20_000,
  /**
   * What an access key sees that is bound to a beginning of account ids is put together of its accounts, as long as there
   * are no more than this; else it is looked for in all there is.
   */
  list_own_accounts_max: 500,
  /** For a page of that, so many rows are looked through; in a cluster rows of the journal. It ends there, with fewer. */
  list_own_rows_max: 20_000,
  list_own_journal_rows_max: 2_000,
  /** In a cluster: so many times as many are read as the page still lacks. */
  list_own_reads_max: 20,
  /** As soon as the writer has this many entries, it keeps them without waiting for more. */
  keep_entries_target: 5_000,
  /** Minimum time between two transactions of a writer that is not behind: fewer, larger ones cost less. */
  keep_pace_milliseconds: 50,
  /** A batch that is missing in the feed may just be late; after this time it is read from the outbox. */
  feed_patience_milliseconds: 40,
  /** How often the writer checks the outbox, and removes from it what is kept. */
  outbox_look_milliseconds: 100,
  /** How often the writer ends holds that are due, and lets Redis forget the ids of requests that nobody sends again. */
  sweep_milliseconds: 1_000,
  /** Calls for that, one after the other, as long as there are holds to end: 4,000 of them. More are due in the next look. */
  sweep_calls_max: 20,
  /** Batches in one read of the outbox. */
  outbox_read_batches_max: 1_000,
  /** Pause between the writer's attempts while a server is unavailable: doubled each time, up to this. */
  keep_retry_milliseconds_max: 1_000,
  /** How often a standby writer tries to become the leader, and the leader tests its connection. */
  role_look_milliseconds: 500,
  /** Batches from the feed that the writer holds until those before them are kept; any others are in the outbox. */
  feed_waiting_batches_max: 2_000,
  /** Unconfirmed batches on their way to NATS; further ones are not published. */
  feed_unconfirmed_batches_max: 1_024,
  /** Batches of this period are sent to NATS together. */
  feed_pace_milliseconds: 20,
  /** How long a process that ends waits for NATS to accept the last batches. */
  feed_flush_milliseconds_max: 500,
  feed_reconnect_milliseconds: 250,
  /** Where there are several NATS servers: how long one may take to let a process in, and its silence until it is left. */
  feed_connect_milliseconds_max: 2_000,
  feed_ping_milliseconds: 1_000,
  feed_unanswered_pings_max: 2,
  /** How often the stream is created, in case that it does not exist. */
  feed_stream_look_milliseconds: 2_000,
  /** For so long it may be without its copies until that is told: longer than NATS's servers take to choose a leader. */
  feed_stream_patience_milliseconds: 12_000,
  /** How long, and how much, the stream stores for subscribers; older messages are discarded. */
  feed_kept_seconds: 24 * 60 * 60,
  feed_kept_bytes_max: 256 * 1024 * 1024,
  /** If NATS sends nothing for this long, reading the stream fails. */
  stream_silence_milliseconds_max: 5_000,
  stream_read_messages_max: 1_000,
  /** Values in one call that loads Redis. Lua's stack holds 8,000. */
  load_values_max: 4_000,
  /** Such calls in flight at once. */
  load_calls_max: 4,
  /** Rows that are read from the books at once to be loaded into Redis. */
  load_rows_max: 2_000,
  /** If a batch was displaced by another one, this many batches before it are also compared with the books. */
  restore_compared_batches: 1_000,
  /** Keys that are read from Redis at once, to be deleted or compared. */
  scan_keys_max: 1_000,
  /** Accounts and gaps that a restore lists for a person; the rest are only counted. */
  missing_told_max: 20,
  /** Findings of an audit that are listed; the rest are only counted. */
  audit_findings_told_max: 50,
  /** Rows of one kind of damage that are read one by one; the rest are only counted. */
  audit_rows_named_max: 1_000,
  /** Suspicious accounts that PostgreSQL checks in detail in one query. */
  audit_odd_accounts: 10_000,
  /** Rows of the journal that are read in one query. */
  audit_page_journal_rows: 50_000,
  /** Of the buckets of rows that are not what the journal makes of them (see row-sums.ts), so many are looked into. */
  audit_buckets_named_max: 200,
  /** Accounts whose state in Redis is compared with the books at once. */
  audit_chunk_accounts: 250,
  audit_chunks_at_once_max: 3,
  /** Accounts that are compared with the outbox at once, because they changed during their first comparison. */
  audit_moving_accounts: 1_000,
  /** Holds, or reversals, that are compared at once. */
  audit_chunk_moves: 1_000,
  /** Messages of the feed that are compared with the books at once. */
  audit_chunk_batches: 500,
  /** Rows of a data file that an audit reads between two pauses. */
  audit_pause_rows: 100_000,
  /** Events of a data file's journal that are compared with the tables one by one, after sums have shown a difference. */
  audit_named_events: 200_000,
  /** How long an audit waits for each server to answer. */
  audit_connect_milliseconds_max: 5_000,
  /** An audit that takes longer than this shows its progress. */
  audit_quiet_milliseconds: 1_000,
  /** An audit with more work than this, counted in entries, will take longer, and shows its progress from the start. */
  audit_quiet_work_max: 1_000_000,

  /** Rows of the journal from which a rebuild makes the books at once. Each may have hundreds of events. */
  rebuild_page_journal_rows: 500,
  /** Between two attempts of a rebuild to have the tables for itself, to exchange them. */
  rebuild_retry_milliseconds: 500,

  /** How often metrics add up all accounts. */
  unit_sum_look_milliseconds: 60_000,

  /** How often a process looks for new rows of the journal in PostgreSQL, while somebody follows them. */
  events_poll_milliseconds: 30,
  /** The same for a data file that another process writes. */
  events_file_look_milliseconds: 50,
  /** Streams of events of one server at once. */
  event_readers_max: 2_000,
  /** How long a page of events may be waited for. */
  event_wait_seconds_max: 20,
  /** For each reader of a server, how long all of them wait between two writes: 50 ms for 1,000. */
  event_reader_pace_milliseconds: 0.05,
  /** A stream without events has a comment so often. */
  event_comment_milliseconds: 15_000,
  /** Of the latest events, kept for all streams; who falls behind them is cut. */
  event_ring_bytes_max: 32 * 1024 * 1024,
  /** Streams and pages at once that look where they begin, and that walk through the past. */
  event_turns_max: 4,
  /** Events that are given to a stream at once, unless one alone is longer. */
  event_chunk_bytes_max: 64 * 1024,
  /** While the journal cannot be read, streams that are open wait so long between attempts. */
  event_retry_milliseconds: 500,
  /** How often it is looked which streams had nothing for long. */
  event_look_milliseconds: 1_000,
  /** Rows of the journal that a stream looks through before others have their turn. */
  event_turn_rows_max: 2_000,
  /** How often it is looked whether the access keys of open streams are still right. */
  event_keys_look_milliseconds: 2_000,
  /** Rows of the journal that are looked through for one page of events; it ends there, with fewer. */
  event_rows_looked_max: 20_000,

  /** Lines about single requests that got 503, in a second; of the others only how many there were. */
  unavailable_told_a_second: 10,
  /** Spans that wait for a collector of traces; more are dropped. */
  trace_spans_waiting_max: 2_048,
  /** They are sent so often, or when there are many, and given up where that takes too long. */
  trace_export_milliseconds: 1_000,
  trace_export_milliseconds_max: 5_000,
  /** How long a process that ends waits for its last ones to be taken. */
  trace_close_milliseconds_max: 1_000,
  ...hookBounds,

  /** How long `razonete init` waits for servers that are starting. */
  init_wait_milliseconds_max: 30_000,
} as const;

const longestEscape = "\\ud83d\\ude00".length; // one code point outside the BMP, as two \u escapes
assert(bounds.contest_description_characters_max * longestEscape * 2 < bounds.contest_body_bytes_max);
assert(bounds.description_characters_max * longestEscape * 2 < bounds.body_bytes_max);
assert(bounds.decision_milliseconds_max < bounds.transit_stale_milliseconds);
assert(bounds.list_items_default <= bounds.list_items_max);
assert(bounds.stop_milliseconds_max < bounds.connection_idle_seconds_max * 1000);
assert(bounds.call_weight_max * 2 < 8000);
assert(bounds.redis_ping_milliseconds < bounds.redis_silence_milliseconds_max);
assert(bounds.decision_milliseconds_max < bounds.stop_milliseconds_max);
// Where Redis is silent for less than requests wait, none of them fails, so the balancer must not turn them away.
assert(
  (bounds.fence_silent_looks_max - 1) * bounds.fence_look_milliseconds >= bounds.decision_milliseconds_max,
);
assert(bounds.primary_unheard_milliseconds_max < bounds.node_timeout_milliseconds_min);
assert(2 * (bounds.replicas_doubt_milliseconds_max + 100) < bounds.primary_unheard_milliseconds_max);
// An idle primary is asked in each look.
assert(bounds.fence_look_milliseconds * 1.5 < bounds.primary_unheard_milliseconds_max);
// An answered transaction is in the books within 250 ms, even if the feed does not deliver it.
assert(
  bounds.keep_pace_milliseconds + bounds.feed_patience_milliseconds + bounds.outbox_look_milliseconds < 250,
);
// A batch that still waits to be sent to the feed must not count as missing.
assert(bounds.feed_pace_milliseconds < bounds.feed_patience_milliseconds);
assert(bounds.books_statement_milliseconds_max < bounds.books_answer_milliseconds_max);

// A look may come just before a key is revoked, and the next one may fail late and be done again.
assert(
  bounds.access_keys_look_milliseconds +
    bounds.access_keys_answer_milliseconds_max +
    bounds.access_keys_retry_milliseconds <
    5_000,
);
// A stream ends within 5 s after its key was revoked: one look for keys, and one at the streams.
assert(bounds.access_keys_look_milliseconds + bounds.event_keys_look_milliseconds < 5_000);
assert(bounds.event_comment_milliseconds < bounds.connection_idle_seconds_max * 1000);
assert(bounds.certificate_overlap_milliseconds > bounds.connection_idle_seconds_max * 1000);
assert(bounds.connection_idle_seconds_max <= 255, "Bun.serve takes at most 255 s");
