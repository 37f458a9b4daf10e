import { messageOf, StartError } from "../../errors.ts";
import type { Report } from "../../log/report.ts";
import type { Serves } from "../process-plan.ts";
import { viewOf } from "./ask-node.ts";
import { isAwayAlone, joinStep, type JoinOptions } from "./join.ts";
import { NodeNews } from "./node-news.ts";
import type { NodeLine } from "../../decide/nodes/node-lines.ts";
import { shardsIn } from "./slots.ts";
import { nextPrimary } from "./spread.ts";
import { ToldOnce } from "./told-once.ts";

/** A node that lacks its place for so long is not just being started. */
const TOLD_AFTER_MILLISECONDS = 10_000;
/** A machine that is just back may go again: so long it has to be there until its primaries are given back. */
const CROWDED_MILLISECONDS = 10_000;
const LOOK_MILLISECONDS = 1_000;

/**
 * Looks after the nodes of a running Redis Cluster once a second: which of them is the primary of which shards by now, and
 * whether one is to be joined again, as one that came back without its folder, or a machine has more primaries than another.
 * What becomes of them it says (node-news.ts).
 */
export class RedisWatch {
  readonly #options: JoinOptions;
  readonly #say: Report;
  readonly #onChange: () => void;
  readonly #maySwitch: () => boolean;
  #serves: ReadonlyMap<string, Serves> = new Map();
  #turn = 0;
  readonly #missing = new ToldOnce(TOLD_AFTER_MILLISECONDS);
  readonly #news: NodeNews;
  #crowdedSince: number | null = null;
  #timer: Timer | null = null;
  #looking: Promise<void> | null = null;
  #stopped = false;

  /**
   * @param onChange called when a node has become something else
   * @param maySwitch whether a primary may be given back now: without the books its shard would wait for them
   */
  constructor(options: JoinOptions, say: Report, onChange: () => void, maySwitch: () => boolean) {
    this.#maySwitch = maySwitch;
    this.#options = options;
    this.#news = new NodeNews(options.shards);
    this.#say = say;
    this.#onChange = onChange;
  }

  /** What the node at host:port is now; undefined where no other has told of it. */
  servesOf(address: string): Serves | undefined {
    return this.#serves.get(address);
  }

  start(): void {
    this.#looking = this.#look().finally(() => {
      this.#looking = null;
      if (!this.#stopped) this.#timer = setTimeout(() => this.start(), LOOK_MILLISECONDS);
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const view = await this.#view();
    if (view === null || this.#stopped) return;
    const serves = servesIn(view, this.#options.shards);
    if (!Bun.deepEquals(serves, this.#serves)) {
      this.#serves = serves;
      this.#onChange();
    }
    for (const { line, about } of this.#news.look(view, performance.now())) this.#say(line, about);
    const isWhole = this.#isWhole(view);
    const isCrowded = this.#isCrowdedForLong(isWhole && this.#maySwitch() ? view : []);
    if (isWhole) this.#note(null);
    if (isWhole && !isCrowded) return;
    try {
      const missing = await joinStep({ ...this.#options, spreads: isCrowded });
      // Of those that do not answer it is said already what that means.
      if (!isAwayAlone(missing)) this.#note(missing);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      this.#note(messageOf(error));
    }
  }

  /** Of one node after the other, since each may be away, or wrong. */
  async #view(): Promise<readonly NodeLine[] | null> {
    const { places } = this.#options;
    for (let asked = 0; asked < places.length; asked += 1) {
      this.#turn = (this.#turn + 1) % places.length;
      const view = await viewOf(places[this.#turn]?.url ?? "");
      if (view !== null) return view;
    }
    return null;
  }

  /** Whether every node has its place; who is away gets it back by itself. */
  #isWhole(view: readonly NodeLine[]): boolean {
    const hasPlace = ({ isPrimary, slots }: NodeLine): boolean => !isPrimary || slots.length > 0;
    const isPlain = view.every((line) => line.address !== null && !line.isNew && hasPlace(line));
    return isPlain && view.length === this.#options.places.length;
  }

  /** Whether one machine has had more primaries than it should have for a while, with all nodes there. */
  #isCrowdedForLong(view: readonly NodeLine[]): boolean {
    const { places } = this.#options;
    const placed = view.map((line) => ({
      line,
      machine: places.find(({ url }) => new URL(url).host === line.address)?.machine,
    }));
    const isCrowded = view.every(({ isSuspected }) => !isSuspected) && nextPrimary(placed) !== null;
    this.#crowdedSince = isCrowded ? (this.#crowdedSince ?? performance.now()) : null;
    return this.#crowdedSince !== null && performance.now() - this.#crowdedSince > CROWDED_MILLISECONDS;
  }

  #note(missing: string | null): void {
    if (this.#missing.mayTell(missing, performance.now()))
      this.#say(`The nodes of Redis need you: ${missing}`, { outage: "alarm" });
  }
}

/** What each node is, by its address. A replica is there for the shards of the one that it follows. */
function servesIn(view: readonly NodeLine[], shards: number): Map<string, Serves> {
  return new Map(
    view.flatMap((node) => {
      const primary = node.isPrimary ? node : view.find(({ id }) => id === node.primaryId);
      const role = node.isPrimary ? "primary" : "replica";
      return node.address === null
        ? []
        : [[node.address, { role, shards: shardsIn(primary?.slots ?? [], shards) }] as const];
    }),
  );
}
