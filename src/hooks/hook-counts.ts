import type { HookQueries } from "./hook-database.ts";
import type { WebhookState } from "./hook-store.ts";

/** How webhooks are doing, in numbers. */
export interface HookCounts {
  /** Each with its state; one is `failing` that is active and whose target takes nothing. */
  readonly webhooks: readonly { readonly id: string; readonly state: WebhookState | "failing" }[];
  /** Deliveries that wait, of those that were read from the journal; at most 100,000. */
  readonly waiting: number;
  /** Deliveries that were given up on; at most 100,000. */
  readonly parked: number;
}

const COUNTED_MAX = 100_000;

/** Each state of deliveries that is counted has an index, so that a long history costs nothing. */
export async function countHooks(queries: HookQueries): Promise<HookCounts> {
  const webhooks = await queries.all<{ id: string; state: WebhookState; failing_since: number | null }>(
    "SELECT id, state, failing_since FROM webhooks ORDER BY id",
  );
  const count = async (state: "waiting" | "parked"): Promise<number> => {
    const [row] = await queries.all<{ count: number }>(
      `SELECT count(*) AS count FROM
        (SELECT webhook FROM deliveries WHERE state = '${state}' LIMIT ${COUNTED_MAX}) AS counted`,
    );
    return row?.count ?? 0;
  };
  return {
    webhooks: webhooks.map(({ id, state, failing_since }) => ({
      id,
      state: state === "active" && failing_since !== null ? "failing" : state,
    })),
    waiting: await count("waiting"),
    parked: await count("parked"),
  };
}
