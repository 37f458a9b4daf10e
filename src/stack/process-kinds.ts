/**
 * The kinds of processes of a stack, in the order in which they are stopped. No process loses another one that it needs
 * to complete its work: first there are no new requests, then the answers in flight are completed, then the rest of the
 * outbox goes into the books. `init` runs only at the start and ends by itself.
 */
export const PROCESS_KINDS = [
  "haproxy",
  "dispatch",
  "console",
  "observer",
  "init",
  "api",
  "writer",
  "nats",
  "redis",
  "postgres",
] as const;
export type ProcessKind = (typeof PROCESS_KINDS)[number];

interface Signals {
  /** The process completes its work, then ends. */
  readonly stop: NodeJS.Signals;
  /** The process ends at once; what was answered is safe. */
  readonly kill: NodeJS.Signals;
}

const own: Signals = { stop: "SIGTERM", kill: "SIGKILL" };

export const STOP_SIGNALS: Readonly<Record<ProcessKind, Signals>> = {
  haproxy: { stop: "SIGUSR1", kill: "SIGKILL" },
  dispatch: own,
  console: own,
  observer: own,
  init: own,
  api: own,
  writer: own,
  nats: own,
  redis: own,
  // INT is PostgreSQL's "fast" stop; TERM would wait for its clients. SIGKILL would leave its child processes running for
  // a moment; QUIT ends them, too.
  postgres: { stop: "SIGINT", kill: "SIGQUIT" },
};
