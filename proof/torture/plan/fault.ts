/** The harms that a torture does. */

/** As `--faults` has them. `clock` comes with `stop`; harm to Redis's own data, which may need a restore, with `disk`. */
export const FAULT_KINDS = ["kill", "stop", "net", "disk"] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** `api-1`, `writer-2`. The embedded ledger is one process, `ledger`. */
export type ProcessName =
  "haproxy" | "redis" | "nats" | "postgres" | "ledger" | `api-${number}` | `writer-${number}`;

/** A way between two processes on which a proxy of the torture stands. */
export type Link = "api-redis" | "api-nats" | "writer-postgres";

export interface Fault {
  /** Numbers the faults of a run from 1. */
  readonly number: number;
  readonly kind: FaultKind;
  readonly action: FaultAction;
  /** From the start of its round until it begins. */
  readonly afterMilliseconds: number;
  /** From its beginning until it is undone (a process started again, thawed; a network mended; a disk freed). */
  readonly lastsMilliseconds: number;
}

export type FaultAction =
  /** kill -9, with the processes that it has started. `again`: killed once more while it starts or recovers. */
  | {
      readonly type: "kill";
      readonly processes: readonly ProcessName[];
      readonly againAfterMilliseconds: number | null;
    }
  /** SIGSTOP, then SIGCONT. */
  | { readonly type: "stop"; readonly processes: readonly ProcessName[] }
  /** Every connection of the link is cut, at once and again in every so many milliseconds. */
  | { readonly type: "cut"; readonly link: Link; readonly everyMilliseconds: number }
  /** After so many more bytes of replies the next are lost, and their connection with them; again and again. */
  | { readonly type: "lose-replies"; readonly link: Link; readonly everyBytes: number }
  /** Nothing comes through, nothing is cut. */
  | { readonly type: "hold"; readonly link: Link }
  /** Redis's clock stands so many seconds ahead (or behind) from then on; undone, it jumps back. */
  | { readonly type: "clock"; readonly seconds: number }
  | { readonly type: "disk-full"; readonly process: "redis" | "nats" | "postgres" | "ledger" }
  /** NATS is killed, its stream purged up to its middle or its folder removed, and it is started again. */
  | { readonly type: "nats-truncated" }
  | { readonly type: "nats-emptied" }
  /**
   * Redis is killed, and its log loses what was never synced: what the power takes when it fails. So many bytes of a
   * write that was under way, and that nobody was answered for, are on the disk all the same.
   */
  | { readonly type: "redis-power-loss"; readonly tornBytes: number }
  /** Redis is killed; the last bytes of its log are cut off, or become zeros, or its folder is emptied. */
  | { readonly type: "redis-cut"; readonly bytes: number }
  | { readonly type: "redis-zeroed"; readonly bytes: number }
  | { readonly type: "redis-emptied" };

/** What became of a fault. */
export interface FaultRecord {
  readonly fault: Fault;
  /** performance.now(), as in the history. */
  readonly beganAt: number;
  /** When it was undone. */
  readonly undoneAt: number;
  /** Why it was not done, for a person; null where it was. */
  readonly skipped: string | null;
}
