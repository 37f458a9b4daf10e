import { z } from "zod";
import type { Report } from "../../log/report.ts";
import type { ProcessPlan } from "../process-plan.ts";
import { detailOf } from "../probes.ts";

/** Says which shards do not decide, what a person can do about it, and when it is over: by what the APIs tell of them. */

export interface Undecided {
  /** null: none of them decides. */
  readonly shard: number | null;
  /** Both for a person. */
  readonly reason: string;
  readonly advice?: string | undefined;
}

/** A cluster has helped itself sooner, mostly. */
const TOLD_AFTER_MILLISECONDS = 6_000;
/** What can be done may be something else by then. */
const TOLD_EVERY_MILLISECONDS = 60_000;
const LOOK_MILLISECONDS = 1_000;
const ANSWER_MILLISECONDS_MAX = 2_000;

interface Outage {
  readonly since: number;
  toldAt: number | null;
}

export class UndecidedReports {
  readonly #outages = new Map<number | null, Outage>();

  /**
   * @param now in milliseconds of `performance.now`
   * @returns those that are to be told of now, and what is over
   */
  look(
    found: readonly Undecided[],
    now: number,
  ): { readonly due: readonly Undecided[]; readonly over: string[] } {
    const over: string[] = [];
    for (const [shard, { since, toldAt }] of this.#outages) {
      if (found.some((each) => each.shard === shard || each.shard === null)) continue;
      this.#outages.delete(shard);
      if (toldAt !== null)
        over.push(`${nameOf(shard)} decides again, after ${((now - since) / 1000).toFixed(0)} s.`);
    }
    const due = found.filter(({ shard }) => {
      const outage = this.#outages.get(shard) ?? { since: now, toldAt: null };
      this.#outages.set(shard, outage);
      const isDue =
        outage.toldAt === null
          ? now - outage.since >= TOLD_AFTER_MILLISECONDS
          : now - outage.toldAt >= TOLD_EVERY_MILLISECONDS;
      if (isDue) outage.toldAt = now;
      return isDue;
    });
    return { due, over };
  }
}

function nameOf(shard: number | null): string {
  return shard === null ? "The ledger" : `Shard ${shard}`;
}

export class UndecidedWatch {
  readonly #apis: readonly ProcessPlan[];
  readonly #say: Report;
  readonly #advise: (shard: number | null) => Promise<string | null>;
  readonly #reports = new UndecidedReports();
  readonly #stopping = new AbortController();
  #timer: Timer | null = null;
  #looking: Promise<void> | null = null;

  /** @param advise what is to be done with the stack's processes, as sentences; null: what the APIs advise counts */
  constructor(
    apis: readonly ProcessPlan[],
    say: Report,
    advise: (shard: number | null) => Promise<string | null>,
  ) {
    this.#apis = apis;
    this.#say = say;
    this.#advise = advise;
  }

  start(): void {
    this.#looking = this.#look().finally(() => {
      this.#looking = null;
      if (!this.#stopping.signal.aborted) this.#timer = setTimeout(() => this.start(), LOOK_MILLISECONDS);
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { signal } = this.#stopping;
    const told = await Promise.all(this.#apis.map((api) => undecidedBy(api, signal)));
    const found = undecidedByAll(told.filter((each) => each !== null));
    if (found === null || signal.aborted) return;
    const { due, over } = this.#reports.look(found, performance.now());
    for (const line of over) this.#say(line);
    for (const { shard, reason, advice } of due) {
      const toDo = (await this.#advise(shard)) ?? advice;
      if (signal.aborted) return;
      const line = `${nameOf(shard)} does not decide: ${reason.replace(/\.$/, "")}.`;
      this.#say(toDo === undefined ? line : `${line} ${toDo}`, { shard, outage: "shard" });
    }
  }
}

/** An API that has just been started knows less than another one: what any of them decides is decided. */
export function undecidedByAll(told: readonly (readonly Undecided[])[]): readonly Undecided[] | null {
  const [first, ...others] = told.toSorted((a, b) => Number(isAll(a)) - Number(isAll(b)));
  if (first === undefined) return null;
  const isToldBy = (one: readonly Undecided[], shard: number | null): boolean =>
    isAll(one) || one.some((each) => each.shard === shard);
  return first.filter(({ shard }) => others.every((other) => isToldBy(other, shard)));
}

function isAll(told: readonly Undecided[]): boolean {
  return told.some(({ shard }) => shard === null);
}

const ready = z.object({
  undecided: z
    .array(z.object({ shard: z.int(), reason: z.string(), advice: z.string().optional() }))
    .optional(),
});

/** What an API tells; null: nothing. */
async function undecidedBy(api: ProcessPlan, stop: AbortSignal): Promise<readonly Undecided[] | null> {
  const { socket, environment } = api;
  const signal = AbortSignal.any([stop, AbortSignal.timeout(ANSWER_MILLISECONDS_MAX)]);
  try {
    const response =
      socket === undefined
        ? await fetch(`http://${environment["HOST"]}:${environment["PORT"]}/readyz`, { signal })
        : await fetch("http://api/readyz", { signal, unix: socket });
    const text = await response.text();
    if (response.ok) return ready.parse(JSON.parse(text)).undecided ?? [];
    const reason = detailOf(text);
    return reason === null ? null : [{ shard: null, reason }];
  } catch {
    return null;
  }
}
