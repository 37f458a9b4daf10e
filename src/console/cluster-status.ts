import { messageOf } from "../errors.ts";
import type { Micros } from "../ledger/account.ts";
import { timestamp } from "../http/timestamp.ts";
import { type Activity, type Done, doneBetween, secondOf } from "./activity.ts";
import { BooksLag } from "./books-lag.ts";
import type { ConsoleStatus } from "./console-status.ts";
import { type Sample, sumOf } from "./metric-text.ts";
import { PartStates } from "./part-states.ts";
import { probePart, type Seen, type Target } from "./probe-part.ts";
import { activityOf, webhooksIn } from "./read-samples.ts";
import { PACE, type Pace, Rounds } from "./rounds.ts";
import type { BooksLook, StatusBooks } from "./status-books.ts";
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
  readonly #lags: BooksLag[] = [];
  /** By shard, the last that was known. */
  readonly #decided: number[] = [];
  #kept: readonly number[] = [];
  #second = secondOf([]);
  #lagMilliseconds = 0;
  #outbox: ConsoleStatus["outbox"] = null;
  #audit: ConsoleStatus["audit"] = null;
  #webhooks = webhooksIn([]);
  #units: ConsoleStatus["units"] = [];
  #unitsAt = -Infinity;
  #addingUp: Promise<void> | null = null;

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
      books: { lag_ms: Math.round(this.#lagMilliseconds), batches: this.#waiting() },
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
    this.#addUp();
    const [seen] = await Promise.all([
      Promise.all(targets.map((target) => probePart(target, PROBE_MILLISECONDS_MAX))),
      books.look().then(
        (look) => this.#sawBooks(look),
        (error: unknown) =>
          this.#saw("postgres", { state: "down", detail: `It does not answer (${messageOf(error)}).` }),
      ),
    ]);
    for (const [index, { name }] of targets.entries()) {
      const part = seen[index];
      if (part !== undefined) this.#saw(name, part);
    }
    const samples = seen.flatMap((part) => part.samples);
    this.#second = secondOf(this.#done(seen));
    this.#readProgress(samples);
    this.#webhooks = webhooksIn(samples);
  }

  #saw(name: string, { state, detail }: Pick<Seen, "state" | "detail">): void {
    this.#parts.saw(name, state, detail, this.#clock());
  }

  #sawBooks({ kept, audit }: BooksLook): void {
    this.#saw("postgres", { state: "up", detail: null });
    this.#kept = kept;
    this.#audit = audit;
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

  #readProgress(samples: readonly Sample[]): void {
    for (const { name, labels, value } of samples) {
      const shard = Number(labels["shard"]);
      if (name !== "razonete_shard_g" || labels["in"] !== "redis" || !isShard(shard)) continue;
      this.#decided[shard] = Math.max(this.#decided[shard] ?? 0, value);
    }
    const at = performance.now();
    const lags = this.#kept.map((kept, shard) =>
      (this.#lags[shard] ??= new BooksLag()).looked(at, { kept, decided: this.#decided[shard] ?? 0 }),
    );
    // A writer knows it better, as long as it answers.
    const told = greatest(samples, "razonete_books_lag_seconds") ?? 0;
    this.#lagMilliseconds = Math.max(told * 1000, ...lags);
    const max = greatest(samples, "razonete_outbox_batches_max");
    const batches = greatestByShard(samples, "razonete_outbox_batches");
    if (max !== null && batches !== null) this.#outbox = { batches, max };
  }

  #waiting(): number {
    return this.#kept.reduce((sum, kept, shard) => sum + Math.max(0, (this.#decided[shard] ?? 0) - kept), 0);
  }

  /** Not in the round, which it would hold up. */
  #addUp(): void {
    const { books, unitsMilliseconds = UNITS_MILLISECONDS } = this.#options;
    if (this.#addingUp !== null || performance.now() - this.#unitsAt < unitsMilliseconds) return;
    const done = (): void => {
      this.#addingUp = null;
    };
    this.#addingUp = books.units().then((units) => {
      this.#units = units;
      this.#unitsAt = performance.now();
      done();
    }, done);
  }
}

function isShard(shard: number): boolean {
  return Number.isInteger(shard) && shard >= 0;
}

function greatest(samples: readonly Sample[], wanted: string): number | null {
  const values = samples.filter(({ name }) => name === wanted).map(({ value }) => value);
  return values.length === 0 ? null : Math.max(...values);
}

/** Several processes tell of the same shard. */
function greatestByShard(samples: readonly Sample[], name: string): number | null {
  if (sumOf(samples, name) === null) return null;
  const shards = Map.groupBy(
    samples.filter((sample) => sample.name === name),
    ({ labels }) => labels["shard"],
  );
  return [...shards.values()].reduce((sum, of) => sum + Math.max(...of.map(({ value }) => value)), 0);
}
