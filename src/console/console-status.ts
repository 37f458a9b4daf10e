/** What `GET /console/status` tells, once a second, to the console's first page. */
export interface ConsoleStatus {
  readonly at: string;
  readonly shape: "embedded" | "cluster";
  readonly version: string;
  /** In the last second. */
  readonly second: {
    readonly transactions: number;
    readonly refusals: number;
    readonly p50_ms: number | null;
    readonly p99_ms: number | null;
  };
  /** Since the start of each process that decides, by the problem's name; the most frequent first. */
  readonly refusals: readonly { readonly problem: string; readonly count: number }[];
  /** How far the books are behind what was decided. */
  readonly books: { readonly lag_ms: number; readonly batches: number };
  /** `null`: there is none, in the embedded shape. */
  readonly outbox: { readonly batches: number; readonly max: number } | null;
  readonly parts: readonly {
    readonly name: string;
    readonly state: "up" | "down" | "troubled";
    readonly since: string;
    readonly detail: string | null;
  }[];
  /** The last one; `null`: there was none. */
  readonly audit: { readonly at: string; readonly agreed: boolean; readonly findings: number } | null;
  /** Sums, as texts: they may be beyond 2^53. */
  readonly units: readonly {
    readonly unit: string;
    readonly balances: string;
    readonly world: string;
    readonly in_transit: string;
  }[];
  readonly webhooks: {
    readonly active: number;
    readonly failing: number;
    readonly parked: number;
    readonly backlog: number;
  };
}
