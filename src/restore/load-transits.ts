import { bounds } from "../bounds.ts";
import type { Sql } from "../keep/postgres-client.ts";
import { InTransit, openPartsInSql } from "../keep/transits/in-transit.ts";
import { parseEvent } from "../ledger/event.ts";
import type { EventId } from "../ledger/transaction.ts";
import type { AttemptId } from "../ledger/transit.ts";
import type { Loader } from "./loader.ts";

/**
 * Loads the open parts of transactions across shards, and of each the decision where there is one: home has to know it, since
 * whoever completes the part would else be told that it was not decided. Where home has lost it, another part may prove it.
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
  for (const decisions of [decisionsInSql(sql), provenInSql(sql)]) {
    for await (const page of decisions.cursor(bounds.load_rows_max))
      for (const { shard, attempt, shards, text, ...decided } of page) {
        const { transaction, time, hold } = text === null ? decided : provenBy(text);
        await loader.add(shard, ["y", attempt, shards, transaction, time, hold ?? "-"]);
      }
  }
  return inTransit;
}

interface DecisionRow {
  readonly shard: number;
  readonly attempt: AttemptId;
  /** With commas. */
  readonly shards: string;
  readonly transaction: EventId;
  readonly time: number;
  readonly hold: EventId | null;
  /** Where home has lost it: the event that has finished a part, which says it, too. */
  readonly text: string | null;
}

function decisionsInSql(sql: Sql) {
  return sql<DecisionRow[]>`
    SELECT t.shard, t.attempt, array_to_string(t.shards, ',') AS shards, t.transaction, t.time, t.hold, NULL AS text
    FROM transits AS t WHERE t.attempt IN (SELECT p.attempt FROM parts AS p WHERE p.state = 'open')`;
}

function provenInSql(sql: Sql) {
  return sql<DecisionRow[]>`
    SELECT DISTINCT ON (p.attempt) split_part(p.attempt, '-', 1)::integer AS shard, p.attempt, (
        SELECT string_agg(a.shard::text, ',') FROM parts AS a WHERE a.attempt = p.attempt AND a.state <> 'undone'
      ) AS shards, p.transaction, 0 AS time, NULL AS hold, j.events[p.ended_event + 1] AS text
    FROM parts AS o
    JOIN parts AS p ON p.attempt = o.attempt AND p.state = 'finished'
    JOIN journal AS j ON j.shard = p.shard AND j.g = p.ended_g
    WHERE o.state = 'open' AND NOT EXISTS (SELECT FROM transits AS t WHERE t.attempt = o.attempt)
    ORDER BY p.attempt, p.shard`;
}

function provenBy(text: string): { transaction: EventId; time: number; hold: EventId | null } {
  const event = parseEvent(text);
  if (event.type !== "finish") throw new Error("the journal has no finish of a part in its place");
  const { transaction, decidedAt: time, hold } = event;
  return { transaction, time, hold };
}
