import type { HookDatabase, Value } from "./hook-database.ts";
import { HOOK_ID_CHARACTERS } from "./hook-rows.ts";

const DAY_MICROS = 86_400_000_000;
const DELIVERED_KEPT_MICROS = 3 * DAY_MICROS;
const DELIVERED_KEPT_MAX = 10_000;
/** Deleted in one transaction: what else is noted waits for no more. */
const ROWS_AT_ONCE = 1_000;

/** What was delivered long ago, and what a webhook or a watch left that was deleted meanwhile, goes. */
export async function pruneHooks(db: HookDatabase, now: number): Promise<void> {
  const deliveries = (where: string, values: readonly Value[] = []): Promise<void> =>
    deleteSome(db, "deliveries", "webhook, shard, g, event, sub", where, values);
  await deliveries("state = 'delivered' AND done_at < $1", [now - DELIVERED_KEPT_MICROS]);
  for (const { id } of await db.all<{ id: string }>("SELECT id FROM webhooks")) {
    const [first] = await db.all<{ done_at: number }>(
      `SELECT done_at FROM deliveries WHERE webhook = $1 AND state = 'delivered'
      ORDER BY done_at DESC LIMIT 1 OFFSET $2`,
      [id, DELIVERED_KEPT_MAX],
    );
    if (first !== undefined)
      await deliveries("webhook = $1 AND state = 'delivered' AND done_at < $2", [id, first.done_at]);
  }
  await deliveries("webhook NOT IN (SELECT id FROM webhooks)");
  await deliveries(
    `state = 'waiting' AND sub <> '' AND substr(sub, 1, ${HOOK_ID_CHARACTERS}) NOT IN (SELECT id FROM watches)`,
  );
  const ofNoWatch = "watch NOT IN (SELECT id FROM watches)";
  await deleteSome(db, "watch_below", "watch, account", ofNoWatch);
  await deleteSome(db, "crossings", "watch, shard, g, event, account", ofNoWatch);
  await db.change((queries) => queries.all("DELETE FROM webhook_secrets WHERE until < $1", [now]));
}

/** @param key the columns of its primary key */
async function deleteSome(
  db: HookDatabase,
  table: string,
  key: string,
  where: string,
  values: readonly Value[] = [],
): Promise<void> {
  const sql = `DELETE FROM ${table} WHERE (${key}) IN (
    SELECT ${key} FROM ${table} WHERE ${where} LIMIT ${ROWS_AT_ONCE}
  ) RETURNING 1 AS gone`;
  for (;;) {
    const gone = await db.change((queries) => queries.all(sql, values));
    if (gone.length < ROWS_AT_ONCE) return;
  }
}
