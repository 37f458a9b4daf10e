import { rmSync } from "node:fs";
import type { FaultedProcess } from "../faults/faulted-process.ts";
import type { FaultsInProgress } from "../faults/faults-in-progress.ts";
import { freezeFor, killFor } from "../faults/process-fault-injection.ts";
import type { FaultAction, Hit, ProcessName } from "../plan/fault.ts";
import { tortureBounds } from "../torture-bounds.ts";
import type { IsApart, NodeNetwork } from "./node-network.ts";
import type { NodeRoles } from "./node-roles.ts";
import type { NodeSupervision } from "./node-supervision.ts";

export interface NodeFaultContext {
  readonly faults: FaultsInProgress;
  readonly roles: NodeRoles;
  readonly supervision: NodeSupervision;
  /** Null where it cannot be cut. */
  readonly network: NodeNetwork | null;
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
  const hit = await roles.holderOf(action.of);
  hits(hit);
  const processes = named(hit.processes);
  switch (action.type) {
    case "kill-role":
      return killFor(faults, processes, lastsMilliseconds, action.againAfterMilliseconds);
    case "stop-role":
      return freezeFor(faults, processes, lastsMilliseconds);
    case "apart": {
      const { network } = context;
      if (network === null) return "which node has opened a connection can only be seen on Linux";
      const heal = network.cut(cutAt(hit.processes, action.of.role === "machine"));
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

/** @param isFromOthers they are cut off all others, and not each off the other */
function cutAt(names: readonly ProcessName[], isFromOthers: boolean): IsApart {
  const has = (name: ProcessName): boolean => names.includes(name);
  return isFromOthers ? (one, other) => has(one) !== has(other) : (one, other) => has(one) && has(other);
}

async function isWholeInTime({ faults, supervision }: NodeFaultContext): Promise<boolean> {
  const deadline = performance.now() + tortureBounds.whole_milliseconds_max;
  while ((await supervision.missing()).length > 0) {
    if (performance.now() > deadline) return false;
    await faults.wait(POLL_MILLISECONDS);
  }
  return true;
}
