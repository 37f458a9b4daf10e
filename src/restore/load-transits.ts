import { bounds } from "../bounds.ts";
import type { Sql } from "../keep/postgres-client.ts";
import { InTransit, openPartsInSql } from "../keep/transits/in-transit.ts";
import { parseEvent } from "../ledger/event.ts";
import type { EventId } from "../ledger/transaction.ts";
import type { AttemptId } from "../ledger/transit.ts";
import type { Loader } from "./loader.ts";

/**
 * Loads the open parts of transactions across shards, and of each the decision where there is one: home has to know it, since
 * whoever completes the part would else be told that it was not decided.
 *
 * @returns what they have set aside
 */
export async function loadTransits(sql: Sql, loader: Loader): Promise<InTransit> {
  const inTransit = new InTransit();
  const parts = sql
    .unsafe<{ shard: number; attempt: AttemptId; text: string }[]>(openPartsInSql(null))
    .cursor(bounds.load_rows_max);
  for await (const page of parts) {
    for (const { shard, attempt, text } of page) {
      const event = parseEvent(text);
      if (event.type !== "part") throw new Error(`the journal has no part ${attempt} in its place`);
      inTransit.take(event);
      await loader.add(shard, ["q", attempt, text]);
    }
  }
  const decisions = sql<
    {
      shard: number;
      attempt: AttemptId;
      shards: string;
      transaction: EventId;
      time: number;
      hold: EventId | null;
    }[]
  >`
    SELECT t.shard, t.attempt, array_to_string(t.shards, ',') AS shards, t.transaction, t.time, t.hold FROM transits AS t
    WHERE t.attempt IN (SELECT p.attempt FROM parts AS p WHERE p.state = 'open')`.cursor(
    bounds.load_rows_max,
  );
  for await (const page of decisions) {
    for (const { shard, attempt, shards, transaction, time, hold } of page)
      await loader.add(shard, ["y", attempt, shards, transaction, time, hold ?? "-"]);
  }
  return inTransit;
}
