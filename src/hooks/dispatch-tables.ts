import { formatCursor, type Cursor } from "../events/cursor.ts";
import { countHooks, type HookCounts } from "./hook-counts.ts";
import { type HookDatabase, type HookQueries, insertRows, type Value, valuesOf } from "./hook-database.ts";
import {
  attemptsIn,
  cursorIn,
  type DeliveryRow,
  textsIn,
  type WatchRow,
  type WebhookRow,
} from "./hook-rows.ts";
import type { Attempt, DeliveryState, WebhookReason, WebhookState } from "./hook-store.ts";
import { pruneHooks } from "./prune-hooks.ts";

/** What tells which events are for a webhook. */
export interface TellableWebhook {
  readonly beginning: string;
  readonly types: ReadonlySet<string> | null;
  readonly accounts: readonly string[] | null;
}

/** A webhook, as the dispatcher needs it. */
export interface DispatchedWebhook extends TellableWebhook {
  readonly id: string;
  readonly owner: string;
  readonly url: string;
  readonly state: WebhookState;
  readonly failingSince: number | null;
  readonly taken: Cursor;
  readonly version: number;
  /** That are in force, the newest first. */
  readonly secrets: readonly string[];
}

export interface DispatchedWatch {
  readonly id: string;
  readonly beginning: string;
  readonly account: string | null;
  readonly prefix: string | null;
  readonly availableLessThan: number;
  /** Up to which batch of each shard it has no crossings; `null`: it is not armed yet. */
  readonly armed: readonly number[] | null;
}

export interface Definitions {
  readonly webhooks: readonly DispatchedWebhook[];
  readonly watches: readonly DispatchedWatch[];
}

/** A delivery on its way. Times are in microseconds. */
export interface PendingDelivery {
  readonly shard: number;
  readonly g: number;
  readonly event: number;
  /** Empty, or the watch that was crossed and the account. */
  readonly sub: string;
  readonly id: string;
  readonly type: string;
  readonly accounts: readonly string[];
  /** See placeText. */
  readonly before: string;
  readonly tried: number;
  readonly firstAt: number | null;
  readonly nextAt: number;
  readonly attempts: readonly Attempt[];
}

/** What became of an attempt. */
export interface Outcome {
  readonly delivery: PendingDelivery;
  readonly state: DeliveryState;
  readonly doneAt: number | null;
}

export interface NewCrossing {
  readonly watch: string;
  readonly shard: number;
  readonly g: number;
  readonly event: number;
  readonly account: string;
  readonly body: string;
}

/** Of the place, the state, how often and when it was tried, and the attempts. */
const OUTCOME_TYPES = "integer bigint integer text text integer bigint bigint bigint text".split(" ");

/**
 * A delivery that is there already waits once more. A restore may have put another event in the place of one that was lost:
 * then nothing of the former one stays.
 */
const ANEW = `ON CONFLICT (webhook, shard, g, event, sub) DO UPDATE SET
  id = excluded.id, type = excluded.type, accounts = excluded.accounts, before = excluded.before,
  state = 'waiting', tried = 0, first_at = NULL, next_at = excluded.next_at, done_at = NULL,
  attempts = CASE WHEN deliveries.id = excluded.id THEN deliveries.attempts ELSE '[]' END`;

/** Webhooks and watches, as the dispatcher reads and carries them on. All methods reject with LedgerUnavailable. */
export class DispatchTables {
  readonly #db: HookDatabase;

  constructor(database: HookDatabase) {
    this.#db = database;
  }

  async definitions(now: number): Promise<Definitions> {
    const webhooks = await this.#db.all<WebhookRow>("SELECT * FROM webhooks ORDER BY id");
    const watches = await this.#db.all<WatchRow>("SELECT * FROM watches ORDER BY id");
    const secrets =
      webhooks.length === 0
        ? []
        : await this.#db.all<{ webhook: string; secret: string }>(
            `SELECT webhook, secret FROM webhook_secrets WHERE until IS NULL OR until > $1
            ORDER BY CASE WHEN until IS NULL THEN 0 ELSE 1 END, until DESC`,
            [now],
          );
    const secretsOf = Map.groupBy(secrets, ({ webhook }) => webhook);
    return {
      webhooks: webhooks.map((row) => ({
        ...tellableOf(row),
        id: row.id,
        owner: row.owner,
        url: row.url,
        state: row.state,
        failingSince: row.failing_since,
        taken: cursorIn(row.taken),
        version: row.version,
        secrets: (secretsOf.get(row.id) ?? []).map(({ secret }) => secret),
      })),
      watches: watches.map((row) => ({
        id: row.id,
        beginning: row.beginning,
        account: row.account,
        prefix: row.prefix,
        availableLessThan: row.available_lt,
        armed: row.armed === null ? null : row.armed.split(" ").map(Number),
      })),
    };
  }

  /** In the order of the journal of each shard; none where the webhook is not as it was read any more. */
  async waiting({
    id,
    version,
  }: Pick<DispatchedWebhook, "id" | "version">): Promise<readonly PendingDelivery[]> {
    const rows = await this.#db.all<DeliveryRow>(
      `SELECT * FROM deliveries WHERE webhook = $1 AND state = 'waiting'
        AND EXISTS (SELECT 1 FROM webhooks WHERE id = $1 AND version = $2 AND state = 'active')
      ORDER BY shard, g, event, sub`,
      [id, version],
    );
    return rows.map(pendingOf);
  }

  /**
   * Makes events deliveries of a webhook and moves its cursor behind them. Those that were delivered before, as a replay
   * asks, wait again.
   *
   * @returns false if the webhook is not as it was read: it was changed, or is gone. Then nothing was changed
   */
  take(
    webhook: DispatchedWebhook,
    from: Cursor,
    until: Cursor,
    deliveries: readonly PendingDelivery[],
  ): Promise<boolean> {
    return this.#db.change(async (queries) => {
      const moved = await queries.all(
        `UPDATE webhooks SET taken = $4 WHERE id = $1 AND version = $2 AND taken = $3 AND state = 'active' RETURNING id`,
        [webhook.id, webhook.version, formatCursor(from), formatCursor(until)],
      );
      if (moved.length === 0) return false;
      await insertRows(
        queries,
        "deliveries",
        deliveries.map((delivery) => rowOf(webhook.id, delivery)),
        `${ANEW} WHERE deliveries.state <> 'waiting' OR deliveries.id <> excluded.id`,
      );
      return true;
    });
  }

  /**
   * Where the webhook was changed meanwhile, as by somebody who set it going again, only what was delivered counts: that
   * the rest failed is of before.
   *
   * @param outcomes some hundreds at most: they are noted in one statement
   * @param failingSince of the webhook, from now on
   */
  note(
    { id: webhook, version }: Pick<DispatchedWebhook, "id" | "version">,
    outcomes: readonly Outcome[],
    failingSince: number | null,
  ): Promise<void> {
    return this.#db.change(async (queries) => {
      const unchanged = await queries.all(
        "UPDATE webhooks SET failing_since = $3 WHERE id = $1 AND version = $2 RETURNING id",
        [webhook, version, failingSince],
      );
      const counting = outcomes.filter(({ state }) => state === "delivered" || unchanged.length > 0);
      const rows = counting.map(({ delivery, state, doneAt }) => {
        const { shard, g, event, sub, tried, firstAt, nextAt, attempts } = delivery;
        return [shard, g, event, sub, state, tried, firstAt, nextAt, doneAt, JSON.stringify(attempts)];
      });
      if (rows.length === 0) return;
      await queries.all(
        `UPDATE deliveries SET state = n.column5, tried = n.column6, first_at = n.column7, next_at = n.column8,
          done_at = n.column9, attempts = n.column10
        FROM (${valuesOf(rows, 2, OUTCOME_TYPES)}) AS n
        WHERE webhook = $1 AND shard = n.column1 AND g = n.column2 AND event = n.column3 AND sub = n.column4`,
        [webhook, ...rows.flat()],
      );
    });
  }

  /** @returns false if it is not as it was read any more */
  async stop(
    webhook: Pick<DispatchedWebhook, "id" | "version">,
    state: WebhookState,
    reason: WebhookReason,
  ): Promise<boolean> {
    const stopped = await this.#db.change((queries) =>
      queries.all(
        `UPDATE webhooks SET state = $3, reason = $4
        WHERE id = $1 AND version = $2 AND state = 'active' RETURNING id`,
        [webhook.id, webhook.version, state, reason],
      ),
    );
    return stopped.length > 0;
  }

  counts(): Promise<HookCounts> {
    return countHooks(this.#db);
  }

  prune(now: number): Promise<void> {
    return pruneHooks(this.#db, now);
  }

  async watchPosition(): Promise<Cursor | null> {
    const [row] = await this.#db.all<{ taken: string }>("SELECT taken FROM watch_position");
    return row === undefined ? null : cursorIn(row.taken);
  }

  async below(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    const rows = await this.#db.all<{ watch: string; account: string }>(
      "SELECT watch, account FROM watch_below",
    );
    const byWatch = Map.groupBy(rows, ({ watch }) => watch);
    return new Map([...byWatch].map(([watch, of]) => [watch, new Set(of.map(({ account }) => account))]));
  }

  /** @param armed up to which batch of each shard `accounts` are those that are below already */
  arm(watch: string, armed: readonly number[], accounts: readonly string[]): Promise<void> {
    return this.#db.change(async (queries) => {
      const found = await queries.all(
        "UPDATE watches SET armed = $2 WHERE id = $1 AND armed IS NULL RETURNING id",
        [watch, armed.join(" ")],
      );
      if (found.length === 0) return;
      await queries.all("DELETE FROM watch_below WHERE watch = $1", [watch]);
      await insertRows(
        queries,
        "watch_below",
        accounts.map((account) => [watch, account]),
        "ON CONFLICT DO NOTHING",
      );
    });
  }

  /**
   * Watches go on from there, and have to be armed anew: what they knew is of another journal.
   *
   * @returns false if their cursor is not where it was read
   */
  beginWatching(from: Cursor | null, until: Cursor): Promise<boolean> {
    return this.#db.change(async (queries) => {
      if (!(await moveWatches(queries, from, until))) return false;
      await queries.all("UPDATE watches SET armed = NULL");
      await queries.all("DELETE FROM watch_below");
      return true;
    });
  }

  /**
   * What watches saw in the events before the cursor, with the deliveries that it makes for webhooks: for those that there
   * are now, so that one is told what was decided just after it was made.
   *
   * @returns the webhooks that got deliveries; null if the cursor is not where it was read: another dispatcher was here.
   *   Then nothing was changed
   */
  cross(
    from: Cursor,
    until: Cursor,
    changes: readonly { readonly watch: string; readonly account: string; readonly isBelow: boolean }[],
    crossings: readonly NewCrossing[],
    deliveriesOf: (webhook: TellableWebhook) => readonly PendingDelivery[],
  ): Promise<ReadonlySet<string> | null> {
    return this.#db.change(async (queries) => {
      if (!(await moveWatches(queries, from, until))) return null;
      for (const { watch, account, isBelow } of changes) {
        await queries.all(
          isBelow
            ? "INSERT INTO watch_below VALUES ($1, $2) ON CONFLICT DO NOTHING"
            : "DELETE FROM watch_below WHERE watch = $1 AND account = $2",
          [watch, account],
        );
      }
      const rows = crossings.map((one) => [one.watch, one.shard, one.g, one.event, one.account, one.body]);
      await insertRows(
        queries,
        "crossings",
        rows,
        "ON CONFLICT (watch, shard, g, event, account) DO UPDATE SET body = excluded.body",
      );
      const touched = new Set<string>();
      if (crossings.length === 0) return touched;
      const webhooks = await queries.all<WebhookRow>("SELECT * FROM webhooks ORDER BY id");
      for (const webhook of webhooks) {
        const deliveries = deliveriesOf(tellableOf(webhook));
        if (deliveries.length > 0) touched.add(webhook.id);
        const told = deliveries.map((delivery) => rowOf(webhook.id, delivery));
        await insertRows(queries, "deliveries", told, `${ANEW} WHERE deliveries.id <> excluded.id`);
      }
      return touched;
    });
  }

  /** What it was to tell is not there any more. */
  async drop(webhook: string, { shard, g, event, sub, id }: PendingDelivery): Promise<void> {
    await this.#db.change((queries) =>
      queries.all(
        `DELETE FROM deliveries
        WHERE webhook = $1 AND shard = $2 AND g = $3 AND event = $4 AND sub = $5 AND id = $6`,
        [webhook, shard, g, event, sub, id],
      ),
    );
  }

  async crossingBody({ watch, shard, g, event, account }: Omit<NewCrossing, "body">): Promise<string | null> {
    const [row] = await this.#db.all<{ body: string }>(
      "SELECT body FROM crossings WHERE watch = $1 AND shard = $2 AND g = $3 AND event = $4 AND account = $5",
      [watch, shard, g, event, account],
    );
    return row?.body ?? null;
  }

  close(): Promise<void> {
    return this.#db.close();
  }
}

async function moveWatches(queries: HookQueries, from: Cursor | null, until: Cursor): Promise<boolean> {
  const moved = await queries.all(
    `INSERT INTO watch_position VALUES (1, $1)
    ON CONFLICT (only_one) DO UPDATE SET taken = excluded.taken WHERE watch_position.taken = $2 RETURNING only_one`,
    [formatCursor(until), from === null ? "" : formatCursor(from)],
  );
  return moved.length > 0;
}

function tellableOf({ beginning, types, accounts }: WebhookRow): TellableWebhook {
  return {
    beginning,
    types: types === null ? null : new Set(textsIn(types)),
    accounts: accounts === null ? null : textsIn(accounts),
  };
}

function pendingOf(row: DeliveryRow): PendingDelivery {
  const { shard, g, event, sub, id, type, before, tried } = row;
  return {
    shard,
    g,
    event,
    sub,
    id,
    type,
    before,
    tried,
    accounts: textsIn(row.accounts),
    firstAt: row.first_at,
    nextAt: row.next_at,
    attempts: attemptsIn(row.attempts),
  };
}

function rowOf(webhook: string, delivery: PendingDelivery): readonly Value[] {
  const { shard, g, event, sub, id, type, accounts, before, tried, firstAt, nextAt } = delivery;
  const attempts = JSON.stringify(delivery.attempts);
  const place = [webhook, shard, g, event, sub, id, type, JSON.stringify(accounts), before];
  return [...place, "waiting", tried, firstAt, nextAt, null, attempts];
}
