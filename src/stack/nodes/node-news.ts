import type { LogFields } from "../../log/log-fields.ts";
import { slotOf } from "../../decide/nodes/cluster-map.ts";
import { type NodeLine, ownerOf } from "../../decide/nodes/node-lines.ts";

export interface News {
  readonly line: string;
  readonly about?: LogFields;
}

/** A node that is killed is back, or replaced, sooner than this. */
const SILENT_MILLISECONDS = 10_000;

/**
 * What becomes of the nodes of a Redis Cluster, in sentences: who is the primary of a shard now, who follows it, and who
 * has not answered for a while. What is as it was at the first look is no news.
 */
export class NodeNews {
  readonly #shards: number;
  /** By shard. Nodes do not learn of a takeover at the same time: the larger epoch is the later one. */
  readonly #primaries = new Map<number, { readonly address: string; readonly epoch: number }>();
  /** Who was replaced, and does not follow yet. */
  readonly #replaced = new Set<string>();
  readonly #silentSince = new Map<string, number>();
  readonly #toldSilent = new Set<string>();

  constructor(shards: number) {
    this.#shards = shards;
  }

  /**
   * @param view what one of the nodes says of all
   * @param now in milliseconds of `performance.now`
   */
  look(view: readonly NodeLine[], now: number): News[] {
    return [...this.#newPrimaries(view), ...this.#newReplicas(view), ...this.#silence(view, now)];
  }

  #newPrimaries(view: readonly NodeLine[]): News[] {
    const gained = new Map<string, number[]>();
    for (let shard = 0; shard < this.#shards; shard += 1) {
      const owner = ownerOf(slotOf(shard), [view]);
      if (owner === undefined || owner.address === null) continue;
      const { address, epoch } = owner;
      const before = this.#primaries.get(shard);
      if (before !== undefined && epoch <= before.epoch) continue;
      this.#primaries.set(shard, { address, epoch });
      if (before === undefined || before.address === address) continue;
      this.#replaced.add(before.address);
      this.#replaced.delete(address);
      gained.set(address, [...(gained.get(address) ?? []), shard]);
    }
    return [...gained].map(([address, shards]) => ({
      line: `${address} is the primary of ${shardsOf(shards)} now.`,
    }));
  }

  #newReplicas(view: readonly NodeLine[]): News[] {
    return view.flatMap(({ address, primaryId, isSuspected }) => {
      const primary = view.find(({ id }) => id === primaryId)?.address;
      if (address === null || !primary || isSuspected || !this.#replaced.delete(address)) return [];
      return [{ line: `${address} follows ${primary}.` }];
    });
  }

  #silence(view: readonly NodeLine[], now: number): News[] {
    return view.flatMap(({ address, isSuspected }): News[] => {
      if (address === null) return [];
      if (!isSuspected) {
        this.#silentSince.delete(address);
        return this.#toldSilent.delete(address) ? [{ line: `${address} answers again.` }] : [];
      }
      const since = this.#silentSince.get(address) ?? now;
      this.#silentSince.set(address, since);
      if (now - since <= SILENT_MILLISECONDS || this.#toldSilent.has(address)) return [];
      this.#toldSilent.add(address);
      const shards = [...this.#primaries].flatMap(([shard, primary]) =>
        primary.address === address ? [shard] : [],
      );
      const what = shards.length === 0 ? "no shard" : `${shardsOf(shards)} still`;
      return [
        {
          line: `${address} has not answered for a while. It is the primary of ${what}.`,
          about: { outage: "away" },
        },
      ];
    });
  }
}

function shardsOf(shards: readonly number[]): string {
  return `${shards.length === 1 ? "shard" : "shards"} ${shards.join(", ")}`;
}
