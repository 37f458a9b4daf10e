/**
 * The kinds of processes of a stack, in the order in which they are stopped, so that nobody loses the one it needs
 * to complete its work: no new requests, then the answers in flight, then the rest of the outbox into the books.
 * `init` runs only at the start and ends by itself.
 */
export const PROCESS_KINDS = ["haproxy", "init", "api", "writer", "nats", "redis", "postgres"] as const;
export type ProcessKind = (typeof PROCESS_KINDS)[number];

interface Signals {
  /** Completes what was begun, then ends. */
  readonly stop: NodeJS.Signals;
  /** Ends at once; what was answered is safe. */
  readonly kill: NodeJS.Signals;
}

const own: Signals = { stop: "SIGTERM", kill: "SIGKILL" };

export const STOP_SIGNALS: Readonly<Record<ProcessKind, Signals>> = {
  haproxy: { stop: "SIGUSR1", kill: "SIGKILL" },
  init: own,
  api: own,
  writer: own,
  nats: own,
  redis: own,
  // INT is PostgreSQL's "fast" stop (TERM would wait for its clients). Killed itself, it would leave its own child
  // processes for a moment; QUIT ends them too.
  postgres: { stop: "SIGINT", kill: "SIGQUIT" },
};
