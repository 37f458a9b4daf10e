import type { Readiness, UndecidedShard } from "../ledger/ledger.ts";
import { bounds } from "../bounds.ts";
import { CallCycle } from "./calls/call-cycle.ts";
import { messageOf } from "../errors.ts";
import type { Report } from "../log/report.ts";
import type { FenceOptions } from "./fence.ts";
import { adviseOnShard } from "./nodes/advice.ts";
import { NOT_REACHED, type RedisNodes } from "./nodes/redis-nodes.ts";
import { type FenceState, RedisLink } from "./redis-link.ts";
import { type ShardLook, ShardOutages } from "./shard-outages.ts";

export interface ShardLinksOptions extends FenceOptions {
  readonly nodes: RedisNodes;
  /** Of a cluster: lines about single shards. */
  readonly report: Report;
  /** The same, where a person has to look. */
  readonly alarm: Report;
  /**
   * Called whenever calls to some shards become possible: the first time, and again after each loss.
   *
   * @param shards how many the ledger has
   * @param newEpoch true if their Redis is of another epoch than before: it does not remember commands of the old one
   * @param shard the only one of them; `null`: all
   */
  readonly onAdmitted: (shards: number, newEpoch: boolean, shard: number | null) => void;
}

/** Of all shards together. */
export interface LedgerFence extends FenceState {
  /** Of each shard, whether it decides; empty where one Redis has them all, and they have one fate. */
  readonly decides: readonly boolean[];
}

/**
 * The links to all shards. Where they are on one Redis they share one link, and are admitted together or not at all: what
 * is wrong with it is wrong for all of them. In a cluster each shard has its own, over its own connection, and decides or
 * does not whatever the others do.
 */
export class ShardLinks {
  readonly #options: ShardLinksOptions;
  /** By shard; only one, where all share it. In a cluster none until the books have told how many shards there are. */
  readonly #links: RedisLink[] = [];
  readonly #isShared: boolean;
  readonly #cycles: CallCycle[] = [];
  /** Why there is no link yet; with the error, which may name servers, or "". */
  #reason = NOT_REACHED;
  #cause = "";
  readonly #outages: ShardOutages;
  #checkingBooks = false;
  #closed = false;
  readonly #looks: ReturnType<typeof setInterval>;
  readonly #settingsLooks: ReturnType<typeof setInterval>;

  constructor(options: ShardLinksOptions) {
    this.#options = options;
    this.#isShared = !options.nodes.isCluster;
    const { nodes, report, alarm } = options;
    this.#outages = new ShardOutages({ report, alarm, advise: (shard) => adviseOnShard(nodes, shard) });
    if (this.#isShared) this.#add(null);
    else this.#begin().catch(() => {});
    // All at once, so that what they ask of the cluster is asked once.
    this.#looks = setInterval(() => {
      for (const link of this.#links) link.look().catch(() => {});
      if (!this.#isShared) this.#outages.look(this.#links.map(lookAt));
    }, bounds.fence_look_milliseconds);
    this.#settingsLooks = setInterval(() => {
      for (const link of this.#links) link.checkSettings().catch(() => {});
      this.#checkBooks().catch(() => {});
    }, bounds.settings_look_milliseconds);
  }

  /** When a shard's commands are sent: those that have one Redis together. */
  cycleOf(shard: number): CallCycle {
    const place = this.#isShared ? 0 : shard;
    return (this.#cycles[place] ??= new CallCycle());
  }

  /** @param shard one of those that `onAdmitted` has told of */
  of(shard: number): RedisLink {
    const link = this.#links[this.#isShared ? 0 : shard];
    if (link === undefined) throw new Error(`there is no shard ${shard}`);
    return link;
  }

  /** Ready where any shard decides. A balancer that took such a process away would take the other shards' decisions away. */
  readiness(): Readiness {
    const [only, ...others] = this.#links;
    if (only === undefined) return { ready: false, reason: this.#reason + this.#cause };
    if (others.length === 0) {
      const state = only.readiness();
      return state.ready ? state : { ...state, ...this.#advice(0) };
    }
    const undecided = this.undecided();
    if (undecided.length === 0) return { ready: true };
    if (undecided.length < this.#links.length) return { ready: true, undecided };
    return { ready: false, reason: reasonOfAll(undecided), ...adviceOnAll(undecided) };
  }

  /** The shards that do not decide, where each has its own link. */
  undecided(): readonly UndecidedShard[] {
    if (this.#isShared) return [];
    return this.#links.flatMap((link, shard) => {
      const state = link.readiness();
      return state.ready ? [] : [{ shard, reason: state.reason, ...this.#advice(shard) }];
    });
  }

  #advice(shard: number): { readonly advice?: string } {
    const advice = this.#outages.adviceOn(shard);
    return advice === null ? {} : { advice };
  }

  /** Why a request got no answer, for its client, where its shard was never admitted. */
  troubleOf(shard: number): string {
    return this.#links[this.#isShared ? 0 : shard]?.trouble ?? this.#reason;
  }

  /** Why Redis refuses transactions, though it may answer reads; null if it does not. */
  get refusal(): string | null {
    for (const { refusal } of this.#links) if (refusal !== null) return refusal;
    return null;
  }

  get fence(): LedgerFence {
    const fences = this.#links.map(({ fence }) => fence);
    return {
      isOpen: fences.length > 0 && fences.every(({ isOpen }) => isOpen),
      epoch: fences.find(({ epoch }) => epoch !== null)?.epoch ?? null,
      isRefused: fences.some(({ isRefused }) => isRefused),
      decides: this.#isShared ? [] : this.#links.map((link) => link.readiness().ready),
    };
  }

  close(): void {
    this.#closed = true;
    this.#reason = "the ledger is closed";
    this.#cause = "";
    clearInterval(this.#looks);
    clearInterval(this.#settingsLooks);
    for (const link of this.#links) link.close();
    this.#options.nodes.close();
  }

  #add(shard: number | null): void {
    const { books, durable, nodes, onAdmitted } = this.#options;
    this.#links.push(
      new RedisLink({
        books,
        durable,
        nodes,
        shard,
        onAdmitted: (shards, newEpoch) => onAdmitted(shards, newEpoch, shard),
      }),
    );
  }

  /** In a cluster no node has all shards, so the books tell how many there are. Each link compares that with its own. */
  async #begin(): Promise<void> {
    while (!this.#closed) {
      try {
        const fence = await this.#options.books.fence();
        if (this.#closed) return;
        if (fence !== null) {
          for (let shard = 0; shard < fence.shards; shard += 1) this.#add(shard);
          return;
        }
        this.#reason = "the books in PostgreSQL are empty: run razonete init";
        this.#cause = "";
      } catch (error) {
        this.#reason = "the books in PostgreSQL cannot be asked";
        this.#cause = ` (${messageOf(error)})`;
      }
      await Bun.sleep(bounds.fence_retry_milliseconds);
    }
  }

  /** Looks at the settings of PostgreSQL, once for all links. */
  async #checkBooks(): Promise<void> {
    // An answer may take longer than the time between two checks.
    if (this.#checkingBooks || this.#links.every(({ admission }) => admission === null)) return;
    this.#checkingBooks = true;
    const { books, durable } = this.#options;
    // That they do not answer is nobody's fault here: the books may be away.
    const fault = await books.settingsFault(durable).catch(() => null);
    this.#checkingBooks = false;
    if (fault !== null) for (const link of this.#links) link.refuse(fault);
  }
}

function lookAt(link: RedisLink): ShardLook {
  const state = link.readiness();
  return {
    decides: link.decides,
    hasDecided: link.fence.epoch !== null,
    reason: state.ready ? null : state.reason,
  };
}

function reasonOfAll(undecided: readonly UndecidedShard[]): string {
  const reasons = new Set(undecided.map(({ reason }) => reason));
  const [only] = reasons;
  if (reasons.size === 1 && only !== undefined) return only;
  return undecided.map(({ shard, reason }) => `shard ${shard}: ${reason}`).join("; ");
}

function adviceOnAll(undecided: readonly UndecidedShard[]): { readonly advice?: string } {
  const known = undecided.flatMap(({ shard, advice }) =>
    advice === undefined ? [] : [`Shard ${shard}: ${advice}`],
  );
  return known.length === 0 ? {} : { advice: known.join(" ") };
}
