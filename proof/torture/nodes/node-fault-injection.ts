import { rmSync } from "node:fs";
import type { FaultedProcess } from "../faults/faulted-process.ts";
import type { FaultsInProgress } from "../faults/faults-in-progress.ts";
import { freezeFor, killFor } from "../faults/process-fault-injection.ts";
import type { FaultAction, Hit, ProcessName } from "../plan/fault.ts";
import { tortureBounds } from "../torture-bounds.ts";
import type { MachineNetwork } from "./machine-network.ts";
import type { NodeRoles } from "./node-roles.ts";
import type { NodeSupervision } from "./node-supervision.ts";

export interface NodeFaultContext {
  readonly faults: FaultsInProgress;
  readonly roles: NodeRoles;
  readonly supervision: NodeSupervision;
  /** Null where it cannot be cut. */
  readonly network: MachineNetwork | null;
  /** Of a node of Redis. */
  readonly machineOf: (name: ProcessName) => number;
  readonly named: (names: readonly ProcessName[]) => FaultedProcess[];
  /** Where a server has its data. */
  readonly folderOf: (name: ProcessName) => string;
}

const POLL_MILLISECONDS = 100;

/**
 * A fault that hits a role.
 *
 * @param hits told whom it hits, when it begins
 * @returns why it was not done; null if it was
 */
export async function injectNodeFault(
  context: NodeFaultContext,
  action: Extract<FaultAction, { readonly type: "kill-role" | "stop-role" | "folder-lost" | "apart" }>,
  lastsMilliseconds: number,
  hits: (hit: Hit) => void,
): Promise<string | null> {
  const { faults, roles, named } = context;
  // With a copy missing already, this one may be the last that has something.
  if (action.type === "folder-lost" && !(await isWholeInTime(context)))
    return "copies were missing already, so that what is lost with another one is not promised";
  const [hit, wereCopiesMissing] = await Promise.all([
    roles.holderOf(action.of),
    context.supervision.areCopiesMissing(),
  ]);
  hits({ ...hit, wereCopiesMissing });
  const processes = named(hit.processes);
  switch (action.type) {
    case "kill-role":
      return killFor(faults, processes, lastsMilliseconds, action.againAfterMilliseconds);
    case "stop-role":
      return freezeFor(faults, processes, lastsMilliseconds);
    case "apart": {
      const { network } = context;
      if (network === null) return "there are no machines that could be cut off each other";
      const machines = hit.processes.filter((name) => name.startsWith("redis-")).map(context.machineOf);
      const [one = 0, other = 0] = machines;
      const heal = action.of.role === "machine" ? network.cutOff([one]) : network.cutBetween(one, other);
      await faults.wait(lastsMilliseconds);
      heal();
      return null;
    }
    case "folder-lost":
      await Promise.all(processes.map((process) => process.holdDown()));
      for (const name of hit.processes) rmSync(context.folderOf(name), { recursive: true, force: true });
      await faults.wait(lastsMilliseconds);
      for (const process of processes) process.release();
      return null;
  }
}

async function isWholeInTime({ faults, supervision }: NodeFaultContext): Promise<boolean> {
  const deadline = performance.now() + tortureBounds.whole_milliseconds_max;
  while ((await supervision.missing()).length > 0) {
    if (performance.now() > deadline) return false;
    await faults.wait(POLL_MILLISECONDS);
  }
  return true;
}
