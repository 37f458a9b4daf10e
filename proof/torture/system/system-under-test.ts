import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import type { Fault, FaultRecord, FaultKind } from "../plan/fault.ts";

/** The system under torture: real processes, and the hands that harm them. */
export interface SystemUnderTest {
  /** Where clients go. */
  readonly url: string;
  /** Everything that is kept of a run: data, logs. */
  readonly folder: string;
  /** Why faults of a kind, or some of them, cannot be done here: told to the person, once. */
  readonly unsupportedFaults: readonly {
    readonly kind: FaultKind;
    readonly what: string;
    readonly reason: string;
  }[];
  /** Does a harm, waits, undoes it. Never rejects for what the harm does; several may go on at once. */
  inject(fault: Fault): Promise<FaultRecord>;
  /**
   * Brings everything up that is down, mends every way, restores where the fence holds; resolves when the system
   * answers requests again and the books hold everything that was decided.
   *
   * @returns what was restored meanwhile, in order; mostly nothing
   * @throws Error where it does not come up by itself within a bound: that is a violation, too
   */
  recover(): Promise<readonly RestoreReport[]>;
  /** What stands in the books. */
  books(): Promise<BooksSnapshot>;
  /** The audit's own words on the present state; null where it agrees. */
  audit(): Promise<string | null>;
  /** Ends every process. The folder stays. */
  stop(): Promise<void>;
}

/** The books, or the embedded file, whole. */
export interface BooksSnapshot {
  readonly accounts: readonly {
    readonly account: number;
    readonly name: string | null;
    readonly command: string;
  }[];
  /** By account and seq. */
  readonly entries: readonly {
    readonly account: number;
    readonly seq: number;
    readonly kind: "credit" | "debit";
    readonly value: number;
    readonly balance: number;
    /** The one that it had to keep. */
    readonly creditLimit: number;
    readonly description: string;
    readonly command: string;
    /** Microseconds since 1970. */
    readonly time: number;
  }[];
  /** By account and version; version 1 is the limit at the opening. */
  readonly limits: readonly {
    readonly account: number;
    readonly version: number;
    readonly creditLimit: number;
    /** It holds for the entries after this seq. */
    readonly afterSeq: number;
    readonly command: string;
  }[];
}
