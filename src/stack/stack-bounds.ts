import assert from "node:assert";
import { bounds } from "../bounds.ts";

/** Bounds of the stack. The unit is the last word of a name before `max` or `min`. */
export const stackBounds = {
  /** APIs behind one balancer: as many as deploy/haproxy/haproxy.cfg lists. */
  apis_max: 8,
  writers_max: 8,
  dispatchers_max: 8,
  /** Of Redis: nodes that decide, copies of each, and all of them. */
  redis_nodes_max: 8,
  replicas_max: 3,
  redis_servers_max: 24,
  /** After this time without an answer of the PostgreSQL that is the primary, its standby takes over. */
  postgres_silent_milliseconds_max: 5_000,
  /** After this time without following the primary, the standby is copied from it anew. */
  postgres_unfollowed_milliseconds_max: 60_000,
  /** How often the two are looked at. */
  postgres_look_milliseconds: 1_000,
  /** Of NATS, where there is not just one: as many as can lose one and still be most of them. */
  nats_servers: 3,
  /** After this time the start of a stack fails. It is long, since Redis may have a large log and PostgreSQL much to recover. */
  start_milliseconds_max: 180_000,
  /** After this time a process that was asked to stop is killed. Longer than an API takes to drain and to stop. */
  stop_milliseconds_max: 20_000,
  /** How long a stop waits for the writer to keep the batches in the outbox; the rest is kept after the next start. */
  keep_milliseconds_max: 10_000,
  /** HAProxy's maxconn. */
  connections_max: 4_000,
  /** For one address: fewer than one API takes at once (500), so that slow clients there leave some of it to others. */
  address_connections: 400,
  /** Requests a second; more than one HAProxy handles. */
  rate_max: 1_000_000,
  /** HAProxy's maxconn of 4000 needs two for each client, and some of its own. */
  open_files_min: 8_192,
  /** What Redis may be given. With less it has no room beside its own buffers. */
  redis_megabytes_min: 16,
  redis_megabytes_max: 16 * 1024 * 1024,
  /** When a process's log is larger than this, it is rotated; one old log is kept. */
  log_bytes_max: 16 * 1024 * 1024,
} as const;

assert(bounds.stop_milliseconds_max < stackBounds.stop_milliseconds_max);
