import assert from "node:assert";
import { bounds } from "../../src/bounds.ts";

/** Bounds of the torture. The unit is the last word of a name before `max` or `min`. */
export const tortureBounds = {
  /** How long the system may take to recover after the faults of a round, restores not counted. */
  recovery_milliseconds_max: 60_000,
  /** A check of everything that takes longer than this has waited for a restore. */
  recovery_check_milliseconds_max: 5_000,
  /** How long the operator tries to restore while the load and other faults go on. */
  operator_milliseconds_max: 20_000,
  /** How long a fault waits for all copies to be there, where no second one is to be taken. */
  whole_milliseconds_max: 8_000,
  restore_milliseconds_max: 120_000,
  audit_milliseconds_max: 120_000,
  keys_milliseconds_max: 30_000,
  /** Sizes of the servers' disks in memory, if disks are to be filled; only what is used takes memory. */
  redis_disk_bytes: 1024 * 1024 * 1024,
  nats_disk_bytes: 512 * 1024 * 1024,
  postgres_disk_bytes: 1024 * 1024 * 1024,
  /** PostgreSQL's `max_wal_size` on that disk; the deployed value is larger than the disk. */
  postgres_wal_bytes_max: 256 * 1024 * 1024,
  ledger_disk_bytes: 1024 * 1024 * 1024,
  seconds_max: 24 * 60 * 60,
  /** Of load and faults; recovery and checks follow. */
  round_seconds: 20,
  clients: 24,
  /**
   * Between two requests of a client. All clients make at most about 200 requests a second, a part of what two cores
   * do.
   */
  pause_milliseconds_min: 40,
  pause_milliseconds_max: 200,
  /** Between two commands by which it is seen that a shard decides, and how many of one shard may be without an answer. */
  pulse_milliseconds: 100,
  pulses_waiting_max: 100,
  /** After this a client gives up a request; longer than HAProxy takes to try every API. */
  answer_milliseconds_max: 10_000,
  /** Within this time a new access key counts everywhere, and a revoked one is refused (the product's promise). */
  key_known_milliseconds_max: 5_000,
  /** Between two requests with a revoked one: ten a minute would pass for guessing. */
  revoked_key_milliseconds: 7_000,
  /** How often a client sends one command, at most. */
  attempts_max: 5,
  /** An outage counts for a fault if it begins within this time after the fault's end. */
  outage_search_milliseconds: 5_000,
  /**
   * Without faults decisions are closer together than this: a gap that begins so shortly before a fault is due to it.
   */
  outage_milliseconds_min: 250,
  /** How long the recovered system has to answer all requests of the probe. */
  probe_milliseconds_max: 5_000,
  /** Violations that the result describes, and attempts described of each; the run's folder has all. */
  violations_shown_max: 50,
  attempts_shown_max: 10,
} as const;

assert(bounds.feed_kept_bytes_max < tortureBounds.nats_disk_bytes);
// Tables and indexes need room beside the write-ahead log, which may take twice its bound for a moment.
assert(tortureBounds.postgres_wal_bytes_max * 3 < tortureBounds.postgres_disk_bytes);
