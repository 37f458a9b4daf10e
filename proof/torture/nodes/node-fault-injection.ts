import { rmSync } from "node:fs";
import type { FaultedProcess } from "../faults/faulted-process.ts";
import type { FaultsInProgress } from "../faults/faults-in-progress.ts";
import { freezeFor, killFor } from "../faults/process-fault-injection.ts";
import type { Fault, FaultAction, Hit, ProcessName } from "../plan/fault.ts";
import { tortureBounds } from "../torture-bounds.ts";
import { mayTakeMore } from "./copies-taken.ts";
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
 * @param action the fault's
 * @param hits told whom it hits, when it begins
 * @returns why it was not done; null if it was
 */
export async function injectNodeFault(
  context: NodeFaultContext,
  { lastsMilliseconds, onlyWhole = false }: Fault,
  action: Extract<FaultAction, { readonly type: "kill-role" | "stop-role" | "folder-lost" | "apart" }>,
  hits: (hit: Hit) => void,
): Promise<string | null> {
  const { faults, roles, supervision, named } = context;
  // With a copy missing already, this one may be the last that has something.
  if (action.type === "folder-lost" && !(await isInTime(faults, () => isAllWhole(supervision))))
    return COPIES_MISSING;
  if (onlyWhole && !(await isInTime(faults, async () => !(await supervision.areCopiesMissing()))))
    return COPIES_MISSING;
  const [holder, wereCopiesMissing] = await Promise.all([
    roles.holderOf(action.of),
    supervision.areCopiesMissing(),
  ]);
  const hit = { ...holder, wereCopiesMissing };
  if (onlyWhole && mayTakeMore(action, hit))
    return "the machine had most of the primaries, so that what is answered elsewhere while it is cut off is not promised";
  hits(hit);
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

const COPIES_MISSING = "copies were missing already, so that what is lost with another one is not promised";

async function isAllWhole(supervision: NodeSupervision): Promise<boolean> {
  return (await supervision.missing()).length === 0;
}

async function isInTime(faults: FaultsInProgress, holds: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + tortureBounds.whole_milliseconds_max;
  while (!(await holds())) {
    if (performance.now() > deadline) return false;
    await faults.wait(POLL_MILLISECONDS);
  }
  return true;
}
