import { lookup } from "node:dns/promises";
import { bareHost } from "../../tls/server-trust.ts";
import { viewOf } from "./ask-node.ts";
import type { NodeLine } from "../../decide/nodes/node-lines.ts";

/** A node of a Redis Cluster, as it was asked for. */
export interface NodePlace {
  readonly url: string;
  /** Nodes of one machine are lost together. */
  readonly machine: string;
}

/** A node that answered. */
export interface LookedNode extends NodePlace {
  /** host:port, by which a person knows it. */
  readonly name: string;
  /** As the other nodes reach it. */
  readonly address: string;
  readonly me: NodeLine;
  readonly view: readonly NodeLine[];
}

export interface ClusterLook {
  readonly nodes: readonly LookedNode[];
  /** Those that do not answer, as host:port. */
  readonly away: readonly string[];
}

/** Asks every node what it knows of all. */
export async function lookAtCluster(places: readonly NodePlace[]): Promise<ClusterLook> {
  const looked = await Promise.all(
    places.map(async (place): Promise<LookedNode | string> => {
      const { host: name } = new URL(place.url);
      const [view, address] = await Promise.all([viewOf(place.url), addressOf(place.url).catch(() => null)]);
      const me = view?.find(({ isMyself }) => isMyself);
      return view === null || me === undefined || address === null
        ? name
        : { ...place, name, address: me.address ?? address, me, view };
    }),
  );
  return {
    nodes: looked.filter((node) => typeof node !== "string"),
    away: looked.filter((node) => typeof node === "string"),
  };
}

/** Of a node by its URL, as nodes know each other: by their IP addresses. */
export async function addressOf(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const { address } = await lookup(bareHost(hostname));
  return `${address}:${port}`;
}
