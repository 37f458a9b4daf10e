/** What a control group may take, and what it took. */

export interface Limits {
  /** Of CPU time, in processors: 0.5 is 50 ms in each period of 100 ms. At least 0.01. */
  readonly cpus?: number;
  /** Of memory without swap. The kernel ends a process that needs more. */
  readonly memoryBytes?: number;
}

/** Since the group was made, of all processes that have been in it. */
export interface Usage {
  readonly cpuMicroseconds: number;
  /** Periods of 100 ms in which the group wanted to run; counted only where it has a limit of CPU time. */
  readonly periods: number;
  /** Those in which it had to wait because its time was used up. */
  readonly throttledPeriods: number;
  /** Summed over the processors on which it had to wait. */
  readonly throttledMicroseconds: number;
  /**
   * With the files that it has read and written: up to the limit these stay in memory, for as long as there is room.
   * Version 2 keeps no peak before Linux 5.19: there it is what there is now.
   */
  readonly memoryPeakBytes: number;
  /** The same, now. */
  readonly memoryBytes: number;
  /** Now, without files: what could not be dropped. */
  readonly memoryHeldBytes: number;
  /** Processes that the kernel has ended because there was not enough memory for them. 0 before Linux 4.13. */
  readonly oomKills: number;
}
