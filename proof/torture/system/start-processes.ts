import { StartError } from "../../../src/errors.ts";
import { stackBounds } from "../../../src/stack/stack-bounds.ts";
import type { FaultedProcess } from "../faults/faulted-process.ts";

const POLL_MILLISECONDS = 20;
const EXITS_AT_START_MAX = 5;

/** Starts processes and waits until each is ready. @throws StartError if one does not start */
export async function startProcesses(processes: readonly FaultedProcess[]): Promise<void> {
  for (const process of processes) process.start();
  await Promise.all(processes.map(waitUntilReady));
}

async function waitUntilReady(process: FaultedProcess): Promise<void> {
  const { name, probe } = process.plan;
  const deadline = performance.now() + stackBounds.start_milliseconds_max;
  for (;;) {
    const reason = process.running ? await probe() : "it does not run";
    if (reason === null && process.running) return;
    const givenUp = process.unexpectedExits >= EXITS_AT_START_MAX || process.alarm !== null;
    if (givenUp || performance.now() > deadline) {
      throw new StartError(`${name} does not start (${reason}). Its log ends: ${process.logEnd()}`);
    }
    await Bun.sleep(POLL_MILLISECONDS);
  }
}
