import assert from "node:assert";
import { bounds } from "../../src/bounds.ts";

/** Bounds of the torture. The unit is the last word of a name before `max` or `min`. */
export const tortureBounds = {
  /** After the harms of a round the system must be whole again within this; what a restore takes is not counted. */
  recovery_milliseconds_max: 60_000,
  /** A look at everything that takes longer than this has waited for a restore. */
  recovery_check_milliseconds_max: 5_000,
  /** How long an operator tries to restore while the load and other harm go on. */
  operator_milliseconds_max: 20_000,
  restore_milliseconds_max: 120_000,
  audit_milliseconds_max: 120_000,
  /** The disks, in memory, on which the servers work where a disk is to be full; only what is used takes memory. */
  redis_disk_bytes: 1024 * 1024 * 1024,
  nats_disk_bytes: 512 * 1024 * 1024,
  postgres_disk_bytes: 1024 * 1024 * 1024,
  /** On that disk; the deployed bound of PostgreSQL's log is larger than the disk. */
  postgres_wal_bytes_max: 256 * 1024 * 1024,
  ledger_disk_bytes: 1024 * 1024 * 1024,
  seconds_max: 24 * 60 * 60,
  /** Of load and harm; then everything is brought up again and compared. */
  round_seconds: 20,
  clients: 24,
  /** Between two requests of a client: with all of them at most some 200 requests a second, a part of what two cores do. */
  pause_milliseconds_min: 40,
  pause_milliseconds_max: 200,
  /** After this a client gives a request up, longer than HAProxy takes to try every API. */
  answer_milliseconds_max: 10_000,
  /** How often a client sends one command, at most. */
  attempts_max: 5,
  /** What an outage is looked for in, after the end of each fault. */
  outage_search_milliseconds: 5_000,
  /** Without a fault decisions come closer together than this: what begins so shortly before a fault is of its making. */
  outage_milliseconds_min: 250,
  /** How long the system, once healed, has for answering each request of a proof that it does. */
  probe_milliseconds_max: 5_000,
  /** Violations that are told in words, and attempts that are told of each; the run's folder has all. */
  violations_shown_max: 50,
  attempts_shown_max: 10,
} as const;

assert(bounds.feed_kept_bytes_max < tortureBounds.nats_disk_bytes);
// Tables and indexes need room beside the log, of which there may be twice as much for a moment.
assert(tortureBounds.postgres_wal_bytes_max * 3 < tortureBounds.postgres_disk_bytes);
