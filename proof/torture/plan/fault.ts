import type { RoleOfShard } from "./role.ts";

/** The faults that a torture injects. */

/**
 * The kinds of `--faults`. `stop` includes `clock`; `disk` includes damage to Redis's own data, which may need a
 * restore.
 */
export const FAULT_KINDS = ["kill", "stop", "net", "disk"] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** `api-1`, `writer-2`; where there are several servers of a kind `redis-1`. The embedded ledger is one process, `ledger`. */
export type ProcessName =
  | "haproxy"
  | "redis"
  | "nats"
  | "postgres"
  | "ledger"
  | `${"api" | "writer" | "redis" | "nats" | "postgres"}-${number}`;

/** A connection between two processes that goes through a proxy of the torture. */
export type Link = "api-redis" | "api-nats" | "writer-postgres";

export interface Fault {
  /** Numbers the faults of a run from 1. */
  readonly number: number;
  readonly kind: FaultKind;
  readonly action: FaultAction;
  /** From the start of its round until it begins. */
  readonly afterMilliseconds: number;
  /** From its beginning until it is undone (process started again or thawed, network repaired, disk freed). */
  readonly lastsMilliseconds: number;
  /**
   * Done only while no other copy of Redis is missing or behind, so that what is answered has to survive it: that is waited
   * for, for a while.
   */
  readonly onlyWhole?: boolean;
}

export type FaultAction =
  /** kill -9, with all child processes. `again`: killed once more while they start or recover. */
  | {
      readonly type: "kill";
      readonly processes: readonly ProcessName[];
      readonly againAfterMilliseconds: number | null;
    }
  /** SIGSTOP, then SIGCONT. */
  | { readonly type: "stop"; readonly processes: readonly ProcessName[] }
  /** The same for whoever has a role then. */
  | { readonly type: "kill-role"; readonly of: RoleOfShard; readonly againAfterMilliseconds: number | null }
  | { readonly type: "stop-role"; readonly of: RoleOfShard }
  /** A machine's nodes of Redis do not reach those of others; or the two nodes that have the role do not reach each other. */
  | { readonly type: "apart"; readonly of: RoleOfShard }
  /** It is killed, and comes back with nothing on its disk. */
  | { readonly type: "folder-lost"; readonly of: RoleOfShard }
  /** Every connection of the link is cut, at once and then every so many milliseconds. */
  | { readonly type: "cut"; readonly link: Link; readonly everyMilliseconds: number }
  /** Every so many bytes of replies, the next bytes are lost and their connection is cut. */
  | { readonly type: "lose-replies"; readonly link: Link; readonly everyBytes: number }
  /** Nothing gets through, but no connection is cut. */
  | { readonly type: "hold"; readonly link: Link }
  /** Redis's clock jumps so many seconds ahead (behind if negative); when undone, it jumps back. */
  | { readonly type: "clock"; readonly seconds: number }
  | { readonly type: "disk-full"; readonly process: "redis" | "nats" | "postgres" | "ledger" }
  /** NATS is killed, its newest messages are cut in half or its folder is removed, and it is started again. */
  | { readonly type: "nats-truncated" }
  | { readonly type: "nats-emptied" }
  /**
   * Redis is killed, and its log loses what was never synced, as when the power fails. So many bytes of a write that
   * was under way, and that nobody got an answer for, are on the disk nevertheless.
   */
  | { readonly type: "redis-power-loss"; readonly tornBytes: number }
  /** Redis is killed; the last bytes of its log are cut off, or become zeros, or its folder is emptied. */
  | { readonly type: "redis-cut"; readonly bytes: number }
  | { readonly type: "redis-zeroed"; readonly bytes: number }
  | { readonly type: "redis-emptied" };

/** Who has a role, and of which shards it is there for the decisions; null: of all. */
export interface Hit {
  readonly processes: readonly ProcessName[];
  readonly shards: readonly number[] | null;
  /** Whether copies of Redis were missing or behind already when it began: then this one may be the last. */
  readonly wereCopiesMissing?: boolean;
  /**
   * Whether most of the primaries are on a machine of one of them: cut off from others, it replaces those without what they
   * answer meanwhile.
   */
  readonly hasMostPrimaries?: boolean;
}

/** What happened with a fault. */
export interface FaultRecord {
  readonly fault: Fault;
  /** performance.now(), as in the history. */
  readonly beganAt: number;
  /** When it was undone. */
  readonly undoneAt: number;
  /** Why it was not done, as text; null if it was done. */
  readonly skipped: string | null;
  /** Of a fault that hits a role: who had it. Else the fault names whom it hits. */
  readonly hit?: Hit;
}
