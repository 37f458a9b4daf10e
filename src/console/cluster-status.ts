import { messageOf } from "../errors.ts";
import type { Micros } from "../ledger/account.ts";
import { timestamp } from "../http/timestamp.ts";
import { type Activity, type Done, doneBetween, secondOf } from "./activity.ts";
import type { ConsoleStatus } from "./console-status.ts";
import { DETAILS } from "./part-details.ts";
import { PartStates } from "./part-states.ts";
import { probePart, type Seen, type Target } from "./probe-part.ts";
import { activityOf, behindIn, refusalsIn, webhooksIn } from "./read-samples.ts";
import { PACE, type Pace, Rounds } from "./rounds.ts";
import type { StatusBooks } from "./status-books.ts";
import type { StatusSource } from "./status-source.ts";

export interface ClusterStatusOptions {
  readonly version: string;
  /** The processes and servers, in the order in which they are shown. */
  readonly targets: readonly Target[];
  readonly books: StatusBooks;
  readonly pace?: Pace;
  /** How long sums count as those of now. */
  readonly unitsMilliseconds?: number;
  readonly clock?: () => Micros;
}

const PROBE_MILLISECONDS_MAX = 900;
const UNITS_MILLISECONDS = 60_000;
const DIVERGED = {
  state: "troubled",
  detail: DETAILS.diverged[0],
} as const;
/** An API asks Redis before it tells of itself. */
const WAITS = {
  state: "troubled",
  detail: DETAILS.waitsForRedis[0],
} as const;
const LOST = { state: "troubled", detail: DETAILS.lost[0] } as const;

/**
 * The status of a cluster, put together from what its processes tell of themselves and from the books. They are asked
 * each second while somebody looks, and seldom else; who looks gets what is known, so that many who look cost no more
 * than one, and a part that is silent holds up nobody.
 */
export class ClusterStatus implements StatusSource {
  readonly #options: ClusterStatusOptions;
  readonly #clock: () => Micros;
  readonly #rounds: Rounds;
  readonly #parts = new PartStates();
  readonly #activities = new Map<string, Activity>();
  #second = secondOf([]);
  #refusals: ConsoleStatus["refusals"] = [];
  /** The last that was known, as long as nobody tells it. */
  #lag = { milliseconds: 0, batches: 0 };
  #outbox: ConsoleStatus["outbox"] = null;
  #audit: ConsoleStatus["audit"] = null;
  #webhooks = webhooksIn([]);
  #units: ConsoleStatus["units"] = [];
  #unitsAt = -Infinity;
  #addingUp = false;

  constructor(options: ClusterStatusOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => Date.now() * 1000);
    this.#rounds = new Rounds(() => this.#look(), options.pace ?? PACE);
    this.#parts.saw("console", "up", null, this.#clock());
  }

  /** From now on it is known since when a part is as it is. */
  start(): void {
    this.#rounds.start();
  }

  async status(): Promise<ConsoleStatus> {
    await this.#rounds.looked();
    return {
      at: timestamp(this.#clock()),
      shape: "cluster",
      version: this.#options.version,
      second: this.#second,
      refusals: this.#refusals,
      books: { lag_ms: Math.round(this.#lag.milliseconds), batches: this.#lag.batches },
      outbox: this.#outbox,
      parts: this.#parts.list(),
      audit: this.#audit,
      units: this.#units,
      webhooks: this.#webhooks,
    };
  }

  async close(): Promise<void> {
    await this.#rounds.close();
    await this.#options.books.close();
  }

  async #look(): Promise<void> {
    const { targets, books } = this.#options;
    this.#addUp().catch(() => {});
    const [seen, ofBooks] = await Promise.all([
      Promise.all(targets.map((target) => probePart(target, PROBE_MILLISECONDS_MAX))),
      this.#askBooks(books),
    ]);
    const samples = seen.flatMap((part) => part.samples);
    const { lagMilliseconds, lagBatches, outbox, isDiverged, isLost } = behindIn(samples);
    const isRedis = ({ url }: Target) => url.protocol === "redis:";
    const isSilent = targets.some((target, index) => isRedis(target) && seen[index]?.state === "down");
    for (const [index, target] of targets.entries()) {
      const part = seen[index];
      if (part === undefined) continue;
      const isMarked = isLost && isRedis(target) && part.state === "up";
      this.#saw(target.name, isMarked ? LOST : isSilent && part.isLate === true ? WAITS : part);
    }
    this.#saw("postgres", isDiverged && ofBooks.state === "up" ? DIVERGED : ofBooks);
    this.#second = secondOf(this.#done(seen));
    this.#webhooks = webhooksIn(samples);
    this.#refusals = refusalsIn(samples);
    if (lagMilliseconds !== null && lagBatches !== null)
      this.#lag = { milliseconds: lagMilliseconds, batches: lagBatches };
    if (outbox !== null) this.#outbox = outbox;
  }

  async #askBooks(books: StatusBooks): Promise<Pick<Seen, "state" | "detail">> {
    try {
      this.#audit = await books.lastAudit();
      return { state: "up", detail: null };
    } catch (error) {
      return { state: "down", detail: `It does not answer (${messageOf(error)}).` };
    }
  }

  #saw(name: string, { state, detail }: Pick<Seen, "state" | "detail">): void {
    this.#parts.saw(name, state, detail, this.#clock());
  }

  /** What each process has done since it was asked before; nothing of one that is asked for the first time. */
  #done(seen: readonly Seen[]): Done[] {
    const at = performance.now();
    return this.#options.targets.flatMap(({ name }, index) => {
      const activity = activityOf(seen[index]?.samples ?? [], at);
      if (activity === null) return [];
      const before = this.#activities.get(name);
      this.#activities.set(name, activity);
      return before === undefined ? [] : [doneBetween(before, activity)];
    });
  }

  /** Not in the round, which it would hold up. Where it fails, what was known stays, and the next round tries again. */
  async #addUp(): Promise<void> {
    const { books, unitsMilliseconds = UNITS_MILLISECONDS } = this.#options;
    if (this.#addingUp || performance.now() - this.#unitsAt < unitsMilliseconds) return;
    this.#addingUp = true;
    try {
      this.#units = await books.units();
      this.#unitsAt = performance.now();
    } finally {
      this.#addingUp = false;
    }
  }
}
