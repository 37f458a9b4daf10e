import type { Command } from "../ledger/command.ts";
import { REFUSALS, type Refusal } from "../ledger/refusal.ts";
import { HotHistogram, SECONDS } from "./hot-histogram.ts";

/** Of requests that take about as long as each other. */
export const GROUPS = ["contest", "command", "batch", "read"] as const;
export type RouteGroup = (typeof GROUPS)[number];

/** Those that our answers have; any other one counts as the last. */
export const STATUSES = [
  200, 201, 202, 204, 400, 401, 403, 404, 405, 408, 409, 410, 413, 422, 429, 500, 503, 0,
] as const;
const STATUS_PLACES = new Uint8Array(600).fill(STATUSES.length - 1);
for (const [place, status] of STATUSES.entries()) STATUS_PLACES[status] = place;

export const COMMAND_TYPES = [
  "transact",
  "open",
  "change",
  "transaction",
  "hold",
  "capture",
  "release",
  "reversal",
] as const satisfies readonly Command["type"][];
const COMMAND_PLACES: ReadonlyMap<string, number> = new Map(
  COMMAND_TYPES.map((type, place) => [type, place]),
);
const REFUSAL_PLACES: ReadonlyMap<string, number> = new Map(
  REFUSALS.map((refusal, place) => [refusal, place]),
);

interface Outcome {
  readonly type: "accepted" | "refused";
  readonly replayed: boolean;
  readonly refusal?: Refusal;
}

export interface CountedRoute {
  readonly path: string;
  readonly method: string;
  readonly group: RouteGroup | null;
}

/**
 * Counts requests and what was decided, on the way of every request: nothing but increments in arrays. Only the routes
 * that there are can be counted, so there is no end of series, whatever clients ask for.
 */
export class EdgeCounters {
  readonly routes: CountedRoute[] = [];
  /** By route, then by status. */
  requests = new Float64Array(0);
  readonly seconds: readonly HotHistogram[] = GROUPS.map(() => new HotHistogram(SECONDS));
  /** By command; then those that were decided now, and those that had been before. */
  readonly accepted = new Float64Array(COMMAND_TYPES.length * 2);
  /** By command, then by refusal. */
  readonly refused = new Float64Array(COMMAND_TYPES.length * REFUSALS.length);
  readonly #groups: number[] = [];

  /**
   * To be called for each route at the start.
   *
   * @param group null: its time is of no interest
   * @returns its number
   */
  add(path: string, method: string, group: RouteGroup | null): number {
    this.routes.push({ path, method, group });
    this.#groups.push(group === null ? -1 : GROUPS.indexOf(group));
    const requests = new Float64Array(this.routes.length * STATUSES.length);
    requests.set(this.requests);
    this.requests = requests;
    return this.routes.length - 1;
  }

  /** @param startedAt when it came, in milliseconds of `performance.now` */
  answered(route: number, status: number, startedAt: number): void {
    const place = route * STATUSES.length + (STATUS_PLACES[status] ?? STATUSES.length - 1);
    this.requests[place] = (this.requests[place] ?? 0) + 1;
    const group = this.#groups[route] ?? -1;
    if (group >= 0) this.seconds[group]?.observe((performance.now() - startedAt) / 1000);
  }

  decided(command: Command["type"], outcome: Outcome): void {
    const of = COMMAND_PLACES.get(command) ?? 0;
    if (outcome.refusal === undefined) {
      const place = of * 2 + (outcome.replayed ? 1 : 0);
      this.accepted[place] = (this.accepted[place] ?? 0) + 1;
    } else {
      const place = of * REFUSALS.length + (REFUSAL_PLACES.get(outcome.refusal) ?? 0);
      this.refused[place] = (this.refused[place] ?? 0) + 1;
    }
  }
}
