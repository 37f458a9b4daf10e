import type { FaultsInProgress } from "./faults-in-progress.ts";
import type { FaultedProcess } from "./faulted-process.ts";

/**
 * Kills all of them (kill -9) and starts them again after a time; and once more after that, while they still start or
 * recover.
 *
 * @param againAfterMilliseconds after the start; null for no second kill
 */
export async function killFor(
  faults: FaultsInProgress,
  processes: readonly FaultedProcess[],
  milliseconds: number,
  againAfterMilliseconds: number | null,
): Promise<null> {
  await Promise.all(processes.map((process) => process.holdDown()));
  await faults.wait(milliseconds);
  for (const process of processes) process.release();
  if (againAfterMilliseconds === null) return null;
  await faults.wait(againAfterMilliseconds);
  await Promise.all(processes.map((process) => process.holdDown()));
  for (const process of processes) process.release();
  return null;
}

/** SIGSTOP for all of them, then SIGCONT. */
export async function freezeFor(
  faults: FaultsInProgress,
  processes: readonly FaultedProcess[],
  milliseconds: number,
): Promise<null> {
  await Promise.all(processes.map((process) => process.freeze()));
  await faults.wait(milliseconds);
  for (const process of processes) process.thaw();
  return null;
}
