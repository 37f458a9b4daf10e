/** What a control group may use, and what it has used. */

export interface Limits {
  /** CPU time, in processors: 0.5 is 50 ms in each period of 100 ms. At least 0.01. */
  readonly cpus?: number;
  /** Memory, without swap. The kernel kills a process that needs more. */
  readonly memoryBytes?: number;
}

/** Usage since the group was created, of all processes that have been in it. */
export interface Usage {
  readonly cpuMicroseconds: number;
  /** Periods of 100 ms in which the group wanted to run; counted only where it has a limit of CPU time. */
  readonly periods: number;
  /** Those in which it had to wait because its time was used up. */
  readonly throttledPeriods: number;
  /** Summed over the processors on which it had to wait. */
  readonly throttledMicroseconds: number;
  /**
   * Includes cached files that were read or written: these stay in memory as long as there is room below the limit.
   * Version 2 records no peak before Linux 5.19; there it is the current amount.
   */
  readonly memoryPeakBytes: number;
  /** The same, at present. */
  readonly memoryBytes: number;
  /** At present, without cached files: what cannot be reclaimed. */
  readonly memoryHeldBytes: number;
  /** Processes that the kernel killed for lack of memory. Always 0 before Linux 4.13. */
  readonly oomKills: number;
}
