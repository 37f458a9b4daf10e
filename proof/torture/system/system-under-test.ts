import type { AccountStatus, HoldStatus } from "../clients/history.ts";
import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import type { Fault, FaultRecord, FaultKind } from "../plan/fault.ts";

/** The system under test: real processes, and the means to inject faults into them. */
export interface SystemUnderTest {
  /** The address for clients. */
  readonly url: string;
  /** Where the data and logs of a run are. */
  readonly folder: string;
  /** The faults that this machine cannot do, and why; shown to the user once. */
  readonly unsupportedFaults: readonly {
    readonly kind: FaultKind;
    readonly what: string;
    readonly reason: string;
  }[];
  /** Does a fault, waits, undoes it. Never rejects because of what the fault does; several may run at once. */
  inject(fault: Fault): Promise<FaultRecord>;
  /**
   * Waits until all faults are undone, and restores where the APIs ask for it. Resolves when the system answers
   * requests again and the books hold everything that was decided.
   *
   * @returns the restores since the last call, in order; mostly none
   * @throws Error if it does not recover within a bound: that is a violation, too
   */
  recover(): Promise<readonly RestoreReport[]>;
  /** What alarms told its operator to do, beside restores, and was done, since the last call. */
  takeCommands?(): readonly string[];
  /** All rows of the books. */
  books(): Promise<BooksSnapshot>;
  /** What the audit finds in the current state; null if it finds nothing. */
  audit(): Promise<string | null>;
  /**
   * Makes an access key for everything. The first one is also what the system's own checks ask with.
   *
   * @returns its secret
   * @throws Error if it cannot be made
   */
  createKey(name: string): Promise<string>;
  /** @throws Error if it cannot be revoked */
  revokeKey(name: string): Promise<void>;
  /** Ends every process. The folder stays. */
  stop(): Promise<void>;
}

/** All rows of the books, or of the embedded ledger's file, as of one moment. Accounts of `null` are the outside. */
export interface BooksSnapshot {
  readonly accounts: readonly {
    readonly account: string;
    readonly unit: string;
    readonly state: AccountStatus;
    readonly creditLimit: number;
    readonly balance: number;
    readonly held: number;
    readonly seq: number;
  }[];
  /** Sorted by account and seq. */
  readonly entries: readonly {
    readonly account: string;
    readonly seq: number;
    readonly kind: "credit" | "debit";
    readonly value: number;
    readonly balance: number;
    readonly description: string;
    readonly command: string;
    /** Microseconds since 1970. */
    readonly time: number;
    readonly counterparty: string | null;
    readonly reference: string | null;
    /** The place of its event in the journal; so it is of holds. */
    readonly shard: number;
    readonly g: number;
    readonly event: number;
  }[];
  readonly holds: readonly {
    readonly shard: number;
    readonly g: number;
    readonly event: number;
    readonly account: string;
    readonly to: string | null;
    readonly amount: number;
    readonly captured: number;
    readonly state: HoldStatus;
    readonly expiresAt: number;
  }[];
  readonly reversals: readonly { readonly reversed: string; readonly reversal: string }[];
  /** Sorted by shard and g; hashes in hexadecimal. */
  readonly journal: readonly {
    readonly shard: number;
    readonly g: number;
    readonly time: number;
    readonly events: readonly string[];
    readonly previous: string;
    readonly hash: string;
  }[];
}
