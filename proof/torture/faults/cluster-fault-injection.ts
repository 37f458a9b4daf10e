import { tortureBounds } from "../torture-bounds.ts";
import type { FaultyLink } from "./faulty-link.ts";
import type { Fault, Hit, Link, ProcessName } from "../plan/fault.ts";
import type { FaultsInProgress } from "./faults-in-progress.ts";
import { cutToSynced, type FsyncRecord } from "./power-loss.ts";
import { injectNodeFault, type NodeFaultContext } from "../nodes/node-fault-injection.ts";
import type { SimulatedOperator } from "../system/simulated-operator.ts";
import type { NatsStoreCorruptor } from "./nats-store-corruption.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { AofCorruptor } from "./aof-corruption.ts";
import type { SmallDisk } from "./small-disk.ts";
import { freezeFor, killFor } from "./process-fault-injection.ts";
import type { FaultedProcess } from "./faulted-process.ts";

/** What the faults of a cluster act on. */
export interface ClusterFaultContext {
  readonly faults: FaultsInProgress;
  readonly processes: ReadonlyMap<string, FaultedProcess>;
  readonly links: ReadonlyMap<Link, FaultyLink>;
  /** Null where there is one server of each kind. */
  readonly nodes: NodeFaultContext | null;
  /** By the process that uses it; empty if disks cannot be made. */
  readonly disks: ReadonlyMap<ProcessName, SmallDisk>;
  readonly clock: RedisClock | null;
  /** Null if it cannot be known what is synced. */
  readonly fsyncRecord: FsyncRecord | null;
  readonly natsStore: NatsStoreCorruptor;
  readonly redisAof: AofCorruptor;
  readonly operator: SimulatedOperator;
}

/**
 * @param hits told who is hit, where it is a role that the fault names
 * @returns why it was not done; null if it was
 */
export function injectClusterFault(
  context: ClusterFaultContext,
  fault: Fault,
  hits: (hit: Hit) => void,
): Promise<string | null> {
  const { action, lastsMilliseconds } = fault;
  const { faults, processes, clock, fsyncRecord, natsStore, redisAof, operator } = context;
  const during = async (undo: () => void): Promise<null> => {
    await faults.wait(lastsMilliseconds);
    undo();
    return null;
  };
  /** Kills the server, damages its data, and starts it again. */
  const whileDown = async (name: ProcessName, damage: () => string | null): Promise<string | null> => {
    const [server] = named(processes, [name]);
    if (server === undefined) return null;
    await server.holdDown();
    try {
      const undone = damage();
      await faults.wait(lastsMilliseconds);
      return undone;
    } finally {
      server.release();
    }
  };
  /**
   * The same, and then the operator restores. Load and other faults go on; what has not recovered by then is left to
   * the end of the round.
   */
  const thenRestored: typeof whileDown = async (name, damage) => {
    const undone = await whileDown(name, damage);
    await Promise.race([operator.watchUntilReady(tortureBounds.operator_milliseconds_max), faults.stopped]);
    return undone;
  };
  switch (action.type) {
    case "kill":
      return killFor(
        faults,
        named(processes, action.processes),
        lastsMilliseconds,
        action.againAfterMilliseconds,
      );
    case "stop":
      return freezeFor(faults, named(processes, action.processes), lastsMilliseconds);
    case "kill-role":
    case "stop-role":
    case "folder-lost":
    case "apart":
      return context.nodes === null
        ? Promise.resolve("there is one server of each kind")
        : injectNodeFault(context.nodes, fault, action, hits);
    case "cut":
      return during(linkNamed(context, action.link).cut(action.everyMilliseconds));
    case "lose-replies":
      return during(linkNamed(context, action.link).loseReplies(action.everyBytes));
    case "hold":
      return during(linkNamed(context, action.link).hold());
    case "clock":
      return clock === null
        ? Promise.resolve("Redis's clock cannot be moved")
        : during(clock.jump(action.seconds));
    case "disk-full":
      return fillDisk(context, action.process, lastsMilliseconds);
    case "nats-truncated":
      return whileDown("nats", () => (natsStore.truncate() > 0 ? null : "NATS held no messages"));
    case "nats-emptied":
      return whileDown("nats", () => {
        natsStore.empty();
        return null;
      });
    case "redis-power-loss":
      if (fsyncRecord === null) return Promise.resolve("what Redis has synced cannot be known");
      return whileDown("redis", () => {
        if (redisAof.size === 0) return "Redis has no log yet";
        cutToSynced(redisAof.folder, fsyncRecord.folder);
        redisAof.appendTornWrite(action.tornBytes);
        return null;
      });
    case "redis-cut":
      return thenRestored("redis", () => (redisAof.cut(action.bytes) > 0 ? null : "Redis's log was empty"));
    case "redis-zeroed":
      return thenRestored("redis", () => (redisAof.zero(action.bytes) > 0 ? null : "Redis's log was empty"));
    case "redis-emptied":
      return thenRestored("redis", () => {
        redisAof.empty();
        return null;
      });
  }
}

async function fillDisk(
  { faults, processes, disks }: ClusterFaultContext,
  name: ProcessName,
  milliseconds: number,
): Promise<string | null> {
  const disk = disks.get(name);
  if (disk === undefined) return "no disk can be full";
  const free = disk.fill();
  await faults.wait(milliseconds);
  free();
  // A NATS that could not write has disabled JetStream until it is started again, which its operator would do.
  if (name === "nats") await killFor(faults, named(processes, [name]), 0, null);
  return null;
}

function linkNamed({ links }: ClusterFaultContext, name: Link): FaultyLink {
  const link = links.get(name);
  if (link === undefined) throw new Error(`there is no link ${name}`);
  return link;
}

/** @throws Error if one of them does not exist */
export function named(
  processes: ReadonlyMap<string, FaultedProcess>,
  names: readonly ProcessName[],
): FaultedProcess[] {
  return names.map((name) => {
    const found = processes.get(name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  });
}
