import { SLOTS } from "../../decide/nodes/cluster-map.ts";
import { infoField } from "../../decide/redis-settings.ts";
import { StartError } from "../../errors.ts";
import { askNode, orderNode, reasonOf } from "./ask-node.ts";
import { type ClusterLook, lookAtCluster, type LookedNode, type NodePlace } from "./cluster-look.ts";
import { hasSlot, type NodeLine, ownerOf } from "../../decide/nodes/node-lines.ts";
import { plannedOwners, rangesOf } from "./slots.ts";
import { spreadPrimaries } from "./spread.ts";

export interface JoinOptions {
  /** All nodes. In a cluster that is new, the first of them become the primaries. */
  readonly places: readonly NodePlace[];
  readonly shards: number;
  /** Copies of each primary. */
  readonly replicas: number;
  /** Of a cluster that is whole, whether primaries are spread over the machines again. Default: false. */
  readonly spreads?: boolean;
}

const PAUSE_MILLISECONDS = 100;
/** A slot's range is two words; a command with all of 64 shards' would still be small. */
const RANGES_IN_COMMAND_MAX = 500;
const NO_ANSWER = "does not answer.";

/**
 * Makes one Redis Cluster of its nodes: they get to know each other, the shards' slots are given to the primaries, and each
 * of these gets its replicas, on other machines. It does only what is missing: on a cluster that is whole it changes
 * nothing, unless it is to spread the primaries, and who became primary by a failover stays it. A node that came back
 * without its folder gets its part again.
 *
 * @returns what is still missing after so many milliseconds, as a sentence; null if the cluster is whole
 * @throws StartError if nodes and flags do not fit together
 */
export async function joinNodes(
  options: JoinOptions,
  milliseconds: number,
  stop?: AbortSignal,
): Promise<string | null> {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    const missing = await joinStep(options);
    if (missing === null || performance.now() > deadline || stop?.aborted === true) return missing;
    await Bun.sleep(PAUSE_MILLISECONDS);
  }
}

/** Whether all that is missing is an answer of some nodes. */
export function isAwayAlone(missing: string | null): boolean {
  return missing?.endsWith(NO_ANSWER) === true;
}

/**
 * One look, and what can be done by it.
 *
 * @returns as {@link joinNodes}
 */
export async function joinStep(options: JoinOptions): Promise<string | null> {
  try {
    return await tryStep(options);
  } catch (error) {
    // A node that ended just now, or knows less than the others yet.
    if (error instanceof StartError) throw error;
    return `a node does not do what it is told yet (${reasonOf(error)}).`;
  }
}

async function tryStep(options: JoinOptions): Promise<string | null> {
  const look = await lookAtCluster(options.places);
  const { nodes, away } = look;
  if (nodes.length === 0) return `no node answers (${away.join(", ")}).`;
  const views = nodes.map(({ view }) => view);
  const owned = nodes.filter(({ me }) => me.slots.length > 0);
  requireOneCluster(owned);
  const isNew = !views.flat().some(({ slots }) => slots.length > 0);
  if (isNew && away.length > 0)
    return `a new cluster begins with all of its nodes, and ${away.join(", ")} does not answer.`;

  if (!(await meet(nodes, owned[0] ?? nodes[0], isNew))) return "the nodes do not know each other yet.";
  if (await forgetReplaced(nodes)) return "nodes that were replaced are being forgotten.";
  if (await giveSlots(look, options)) return "the slots are being given to the primaries.";
  const lost = lostOwner(nodes);
  if (lost !== null) return lost;
  const replaced = nodes.find(({ me }) => me.slots.length > 0 && !ownsAny(me, views));
  if (replaced !== undefined) return `${replaced.name} does not know yet who has taken over from it.`;
  if (await giveReplicas(nodes, options)) return "the replicas are being told whom to follow.";
  const missing = await missingIn(look, options);
  return missing === null && options.spreads === true ? spreadPrimaries(nodes) : missing;
}

function requireOneCluster(owned: readonly LookedNode[]): void {
  for (const one of owned)
    for (const other of owned)
      if (!one.view.some(({ id }) => id === other.me.id))
        throw new StartError(
          `${one.name} and ${other.name} are of two clusters, and both have slots: name the nodes of one, or empty the ` +
            "folder of the one that is to join the other.",
        );
}

/** @returns whether each knows all others */
async function meet(
  nodes: readonly LookedNode[],
  seed: LookedNode | undefined,
  isNew: boolean,
): Promise<boolean> {
  const knows = ({ view }: LookedNode, { me }: LookedNode): boolean =>
    view.some(({ id, isNew: isBeingMet }) => id === me.id && !isBeingMet);
  if (nodes.every((one) => nodes.every((other) => knows(one, other)))) return true;
  if (seed === undefined) return false;
  if (isNew)
    // So that no two of them have the same, which they would have to settle first. Fails where it was done.
    await Promise.all(
      nodes.map(({ url }, place) => askNode(url, ["CLUSTER", "SET-CONFIG-EPOCH", String(place + 1)])),
    );
  for (const node of nodes) {
    const isBeingMet = seed.view.some(({ address, isNew: isMet }) => isMet && address === node.address);
    if (node === seed || knows(seed, node) || isBeingMet) continue;
    const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(node.address) ?? [];
    await orderNode(seed.url, "CLUSTER", "MEET", host, port, String(node.me.busPort));
  }
  return false;
}

/**
 * A node whose folder was lost comes back as another one, at the same address. The others keep the old one in their lists,
 * and its slots, until they are told to forget it. They are not told while it has slots that a replica of it could take
 * over.
 *
 * @returns whether there were any
 */
async function forgetReplaced(nodes: readonly LookedNode[]): Promise<boolean> {
  const ids = replacedNodes(nodes).flatMap(({ line, heirs }) => (heirs.length > 0 ? [] : [line.id]));
  if (ids.length === 0) return false;
  const commands = ids.map((id) => ["CLUSTER", "FORGET", id]);
  // One that follows the forgotten is not told so before it follows another.
  await Promise.all(nodes.map(({ url }) => askNode(url, ...commands)));
  return true;
}

/** Those of an earlier life of an address, and the replicas that could take over the slots that they still have. */
function replacedNodes(
  nodes: readonly LookedNode[],
): { readonly line: NodeLine; readonly heirs: readonly NodeLine[] }[] {
  const lines = latestLines(nodes);
  const isReplaced = (line: NodeLine): boolean =>
    !nodes.some(({ me }) => me.id === line.id) &&
    (line.address === null || nodes.some(({ address }) => address === line.address));
  return lines.filter(isReplaced).map((line) => ({
    line,
    heirs: lines.filter((heir) => line.slots.length > 0 && heir.primaryId === line.id && !isReplaced(heir)),
  }));
}

/** Of a primary that lost its folder, and whose slots no replica took over, what a person is to do. */
function lostOwner(nodes: readonly LookedNode[]): string | null {
  const [lost] = replacedNodes(nodes).filter(({ heirs }) => heirs.length > 0);
  const heir = nodes.find(({ me }) => lost?.heirs.some(({ id }) => id === me.id));
  if (lost === undefined) return null;
  if (heir === undefined) return `the replicas of a primary that lost its folder do not answer: start them.`;
  const { hostname, port } = new URL(heir.url);
  return (
    `a primary lost its folder, and ${heir.name} is a replica of it, with its slots: make it the primary by ` +
    `redis-cli -h ${hostname} -p ${port} CLUSTER FAILOVER TAKEOVER.`
  );
}

/** @returns whether there were any without an owner */
async function giveSlots(
  { nodes }: ClusterLook,
  { places, shards, replicas }: JoinOptions,
): Promise<boolean> {
  const views = nodes.map(({ view }) => view);
  const primaries = places.length / (1 + replicas);
  const taken = views.flat().flatMap(({ slots }) => slots);
  const owners = plannedOwners(shards, primaries);
  const free = Array.from({ length: SLOTS }, (_, slot) => slot).filter(
    (slot) => !hasSlot({ slots: taken }, slot),
  );
  if (free.length === 0) return false;
  for (const [place, slots] of Map.groupBy(free, (slot) => owners[slot] ?? 0)) {
    const planned = nodes.find(({ url, me }) => url === places[place]?.url && me.isPrimary);
    const others = nodes.filter(({ me }) => me.isPrimary);
    const owner = planned ?? others.find(({ me }) => me.slots.length === 0) ?? others[0];
    if (owner === undefined) continue;
    const ranges = rangesOf(slots);
    for (let at = 0; at < ranges.length; at += RANGES_IN_COMMAND_MAX) {
      const words = ranges
        .slice(at, at + RANGES_IN_COMMAND_MAX)
        .flat()
        .map(String);
      await orderNode(owner.url, "CLUSTER", "ADDSLOTSRANGE", ...words);
    }
  }
  return true;
}

/** A primary that was replaced while it was away says for a moment that it has its slots still. */
function ownsAny({ id, slots }: NodeLine, views: readonly (readonly NodeLine[])[]): boolean {
  return slots.some(([slot]) => ownerOf(slot, views)?.id === id);
}

/** @returns whether there were any that follow nobody, and have no slots */
async function giveReplicas(
  nodes: readonly LookedNode[],
  { places, replicas }: JoinOptions,
): Promise<boolean> {
  const lines = latestLines(nodes);
  const machineOf = ({ address }: NodeLine): string | undefined =>
    nodes.find((node) => node.address === address)?.machine;
  const placeOf = ({ address }: NodeLine): number => nodes.findIndex((node) => node.address === address);
  const primaries = lines
    .filter(({ isPrimary, slots }) => isPrimary && slots.length > 0)
    .toSorted((a, b) => placeOf(a) - placeOf(b))
    .map((line) => ({
      ...line,
      machines: lines.filter(({ primaryId }) => primaryId === line.id).map(machineOf),
    }));
  const wanted = places.length / (1 + replicas);
  if (primaries.length > wanted)
    throw new StartError(
      `${primaries.length} nodes of this cluster have slots, but of ${places.length} nodes with ${replicas} replicas each ` +
        `${wanted} are primaries: give --replicas as it was when the cluster was made, and all of its nodes.`,
    );
  const idle = nodes.filter(({ me }) => me.isPrimary && !primaries.some(({ id }) => id === me.id));
  for (const { url, name, machine } of idle) {
    // From the one behind its own on, so that each machine's loss is shared among the others.
    const begin = primaries.findIndex((primary) => machineOf(primary) === machine) + 1;
    const [chosen] = [...primaries.slice(begin), ...primaries.slice(0, begin)].toSorted(
      (a, b) => cost(a) - cost(b),
    );
    if (chosen === undefined) return false;
    chosen.machines.push(machine);
    try {
      await orderNode(url, "CLUSTER", "REPLICATE", chosen.id);
    } catch (error) {
      if (!/must be empty/.test(reasonOf(error))) throw error;
      throw new StartError(
        `${name} has keys of its own, and is to follow ${chosen.address ?? chosen.id}, which would remove them: empty its ` +
          "folder if they are not needed, and run this again.",
      );
    }

    function cost(primary: NodeLine & { readonly machines: readonly (string | undefined)[] }): number {
      const shared = primary.machines.filter((each) => each === machine).length;
      return primary.machines.length * 4 + shared * 2 + (machineOf(primary) === machine ? 3 : 0);
    }
  }
  return idle.length > 0;
}

/** Each node once, as the node itself tells it where it answers. */
function latestLines(nodes: readonly LookedNode[]): NodeLine[] {
  const lines = new Map<string, NodeLine>();
  for (const line of nodes.flatMap(({ view }) => view.filter(({ isNew }) => !isNew))) {
    const known = lines.get(line.id);
    if (known === undefined || line.epoch > known.epoch) lines.set(line.id, line);
  }
  for (const { me, address } of nodes) lines.set(me.id, { ...me, address });
  return [...lines.values()];
}

/** Whether a view has the node as what it says that it is. What a node was told gets round from it to the others. */
function hasPlaceOf(me: NodeLine, view: readonly NodeLine[]): boolean {
  return view.some(
    ({ id, isPrimary, primaryId }) =>
      id === me.id && isPrimary === me.isPrimary && primaryId === me.primaryId,
  );
}

/** What a cluster that knows itself, and has all slots, still lacks. */
async function missingIn({ nodes, away }: ClusterLook, { replicas }: JoinOptions): Promise<string | null> {
  if (away.length > 0) return `${away.join(", ")} ${NO_ANSWER}`;
  const views = nodes.map(({ view }) => view);
  const behind = nodes.find(({ view }) => nodes.some(({ me }) => !hasPlaceOf(me, view)));
  if (behind !== undefined) return `${behind.name} does not know yet who follows whom.`;
  for (const { url, name, me } of nodes) {
    const [cluster, info] = await askNode(url, ["CLUSTER", "INFO"], ["INFO", "replication", "persistence"]);
    if (infoField(cluster, "cluster_state") !== "ok") return `${name} does not take part in the cluster yet.`;
    if (me.isPrimary) {
      const followed = Number(infoField(info, "connected_slaves"));
      if (ownsAny(me, views) && followed < replicas)
        return `${name} is followed by ${followed} of ${replicas} replicas.`;
    } else if (infoField(info, "master_link_status") !== "up") {
      return `the replica ${name} does not have what its primary has yet.`;
    }
    // What a replica got in one piece is on its disk only when its log was written anew.
    if (
      infoField(info, "aof_rewrite_in_progress") !== "0" ||
      infoField(info, "aof_rewrite_scheduled") !== "0"
    )
      return `${name} writes its log anew.`;
  }
  return null;
}
