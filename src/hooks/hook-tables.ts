import type { JournalSource } from "../events/journal-source.ts";
import { bounds } from "../bounds.ts";
import { newSecret } from "../dispatch/sign.ts";
import { parseTarget } from "../dispatch/target-guard.ts";
import { formatCursor } from "../events/cursor.ts";
import { textHash } from "../ledger/content-hash.ts";
import type { HookDatabase, HookQueries, Value } from "./hook-database.ts";
import {
  type CrossingRow,
  crossingOf,
  cursorIn,
  type DeliveryRow,
  deliveryOf,
  isFor,
  newHookId,
  type WatchRow,
  watchOf,
  type WebhookRow,
  webhookOf,
} from "./hook-rows.ts";
import type {
  Crossing,
  Delivery,
  DeliveryState,
  HookChange,
  HookOutcome,
  HookOwner,
  HookRequest,
  HookStore,
  HookSubmitted,
  Slice,
  SlicePage,
  Watch,
  Webhook,
} from "./hook-store.ts";
import { latestCursor, replayCursor } from "./replay-start.ts";
import { dropUnwanted } from "./webhook-filter.ts";

export interface HookTablesOptions {
  readonly database: HookDatabase;
  readonly journal: JournalSource;
  /** Whether webhooks may go to addresses inside the network. */
  readonly innerAllowed: boolean;
  /** For how long answers are remembered under their keys. */
  readonly keyHours: () => Promise<number>;
}

/** More than a batch has. */
const EVENTS_MAX = 1_000_000;
const HOUR_MICROS = 3_600_000_000;
const FORMER_SECRET_MICROS = 24 * HOUR_MICROS;

/** Webhooks and watches, as APIs make and read them. The secrets it writes, but never reads. */
export class HookTables implements HookStore {
  readonly #options: HookTablesOptions;
  readonly #db: HookDatabase;

  constructor(options: HookTablesOptions) {
    this.#options = options;
    this.#db = options.database;
  }

  async submit(change: HookChange, request: HookRequest): Promise<HookSubmitted> {
    const { owner, key, answerOf } = request;
    // What is told of the journal is asked for before the transaction, which would have to wait for it.
    const cursor = await this.#cursorFor(change);
    const hash = textHash(JSON.stringify([owner, change]));
    const hours = key === null ? 0 : await this.#options.keyHours();
    return this.#db.change(async (queries) => {
      const now = Date.now() * 1000;
      if (key !== null) {
        await queries.all("DELETE FROM hook_requests WHERE at < $1", [now - hours * HOUR_MICROS]);
        const [known] = await queries.all<{ hash: string; status: number; body: string }>(
          "SELECT hash, status, body FROM hook_requests WHERE key = $1",
          [key],
        );
        if (known !== undefined && known.hash !== hash) return { type: "key-reused" };
        if (known !== undefined) {
          return { type: "answered", status: known.status, body: known.body, replayed: true };
        }
      }
      const outcome =
        cursor !== null && typeof cursor !== "string"
          ? cursor
          : await make(queries, change, owner, cursor, now);
      if (key !== null) {
        const kept = answerOf(outcome.type === "webhook" ? { ...outcome, secret: null } : outcome);
        // A request with the same key that came at the same moment fails here, and is told to ask again.
        await queries.all("INSERT INTO hook_requests VALUES ($1, $2, $3, $4, $5)", [
          key,
          hash,
          kept.status,
          kept.body,
          now,
        ]);
      }
      return { type: "answered", ...answerOf(outcome), replayed: false };
    });
  }

  async webhooks(owner: HookOwner, page: Slice): Promise<SlicePage<Webhook>> {
    const rows = await this.#db.all<WebhookRow>("SELECT * FROM webhooks WHERE id > $1 ORDER BY id", [
      page.after ?? "",
    ]);
    return sliced(
      rows.filter((row) => isFor(owner, row)),
      page.count,
      ({ id }) => id,
      (row) => shown(this.#db, row),
    );
  }

  async webhook(owner: HookOwner, id: string): Promise<Webhook | null> {
    const row = await findWebhook(this.#db, owner, id);
    return row === null ? null : shown(this.#db, row);
  }

  async deleteWebhook(owner: HookOwner, id: string): Promise<boolean> {
    if ((await findWebhook(this.#db, owner, id)) === null) return false;
    return this.#db.change(async (queries) => {
      const gone = await queries.all("DELETE FROM webhooks WHERE id = $1 RETURNING id", [id]);
      await queries.all("DELETE FROM webhook_secrets WHERE webhook = $1", [id]);
      await queries.all("DELETE FROM deliveries WHERE webhook = $1", [id]);
      return gone.length > 0;
    });
  }

  async deliveries(
    owner: HookOwner,
    id: string,
    state: DeliveryState | null,
    page: Slice,
  ): Promise<SlicePage<Delivery> | null> {
    if ((await findWebhook(this.#db, owner, id)) === null) return null;
    const values: Value[] = [id, page.count + 1];
    const where = ["webhook = $1"];
    if (state !== null) where.push(`state = $${values.push(state)}`);
    if (page.after !== null) {
      const [g = "", shard = "", event = "", ...sub] = page.after.split(".");
      const places = [Number(g), Number(shard), Number(event), sub.join(".")].map(
        (value) => `$${values.push(value)}`,
      );
      where.push(`(g, shard, event, sub) < (${places.join(", ")})`);
    }
    const rows = await this.#db.all<DeliveryRow>(
      `SELECT * FROM deliveries WHERE ${where.join(" AND ")}
      ORDER BY g DESC, shard DESC, event DESC, sub DESC LIMIT $2`,
      values,
    );
    return sliced(
      rows,
      page.count,
      (row) => [row.g, row.shard, row.event, row.sub].join("."),
      async (row) => deliveryOf(row),
    );
  }

  async watches(owner: HookOwner, page: Slice): Promise<SlicePage<Watch>> {
    const rows = await this.#db.all<WatchRow>("SELECT * FROM watches WHERE id > $1 ORDER BY id", [
      page.after ?? "",
    ]);
    return sliced(
      rows.filter((row) => isFor(owner, row)),
      page.count,
      ({ id }) => id,
      async (row) => watchOf(row),
    );
  }

  async watch(owner: HookOwner, id: string): Promise<Watch | null> {
    const row = await findWatch(this.#db, owner, id);
    return row === null ? null : watchOf(row);
  }

  async deleteWatch(owner: HookOwner, id: string): Promise<boolean> {
    if ((await findWatch(this.#db, owner, id)) === null) return false;
    return this.#db.change(async (queries) => {
      const gone = await queries.all("DELETE FROM watches WHERE id = $1 RETURNING id", [id]);
      await queries.all("DELETE FROM watch_below WHERE watch = $1", [id]);
      await queries.all("DELETE FROM crossings WHERE watch = $1", [id]);
      // Ids are of letters and digits.
      await queries.all("DELETE FROM deliveries WHERE state = 'waiting' AND sub LIKE $1", [`${id} %`]);
      return gone.length > 0;
    });
  }

  async crossings(owner: HookOwner, id: string, page: Slice): Promise<SlicePage<Crossing> | null> {
    if ((await findWatch(this.#db, owner, id)) === null) return null;
    const [g = "", shard = "", event = "", ...account] = page.after?.split(".") ?? [];
    const values: Value[] = [id, page.count + 1];
    if (page.after !== null) values.push(Number(g), Number(shard), Number(event), account.join("."));
    const rows = await this.#db.all<CrossingRow>(
      `SELECT shard, g, event, account, body FROM crossings WHERE watch = $1
      ${page.after === null ? "" : "AND (g, shard, event, account) < ($3, $4, $5, $6)"}
      ORDER BY g DESC, shard DESC, event DESC, account DESC LIMIT $2`,
      values,
    );
    return sliced(
      rows,
      page.count,
      (row) => [row.g, row.shard, row.event, row.account].join("."),
      async (row) => crossingOf(row),
    );
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  /** The cursor that a change needs, or why there is none. */
  async #cursorFor(change: HookChange): Promise<string | HookOutcome | null> {
    const { journal, innerAllowed } = this.#options;
    if (change.type === "create-webhook" || change.type === "change-webhook") {
      const target = change.content.url === undefined ? null : parseTarget(change.content.url, innerAllowed);
      if (target !== null && !(target instanceof URL))
        return { type: "wrong-field", field: "url", rule: target.refused };
    }
    if (change.type === "create-webhook") return formatCursor(await latestCursor(journal));
    if (change.type !== "replay") return null;
    const start = await replayCursor(journal, change.from);
    return "type" in start ? start : formatCursor(start);
  }
}

async function make(
  queries: HookQueries,
  change: HookChange,
  owner: HookOwner,
  cursor: string | null,
  now: number,
): Promise<HookOutcome> {
  if (change.type === "create-webhook") return createWebhook(queries, change, owner, cursor ?? "", now);
  if (change.type === "create-watch") return createWatch(queries, change, owner, now);
  const row = await findWebhook(queries, owner, change.id);
  if (row === null) return { type: "not-found" };
  let secret: string | null = null;
  if (change.type === "change-webhook") await changeWebhook(queries, row, change, owner, now);
  else if (change.type === "replay") {
    await queries.all(
      `UPDATE webhooks SET taken = $2, state = 'active', reason = NULL, failing_since = NULL, version = version + 1
      WHERE id = $1`,
      [row.id, cursor],
    );
    // Those behind the cursor become deliveries once more, in order; what watches told is there as a delivery only.
    for (const { shard, g, seen } of cursorIn(cursor ?? "")) {
      const behind = `webhook = $1 AND shard = $2 AND (g > $3 OR (g = $3 AND event >= $4))`;
      const place = [row.id, shard, g, seen ?? EVENTS_MAX];
      await queries.all(`DELETE FROM deliveries WHERE ${behind} AND state = 'waiting' AND sub = ''`, place);
      await queries.all(
        `UPDATE deliveries SET state = 'waiting', tried = 0, first_at = NULL, next_at = $5, done_at = NULL
        WHERE ${behind} AND sub <> ''`,
        [...place, now],
      );
    }
  } else {
    secret = newSecret();
    await queries.all("UPDATE webhook_secrets SET until = $2 WHERE webhook = $1 AND until IS NULL", [
      row.id,
      now + FORMER_SECRET_MICROS,
    ]);
    await queries.all("INSERT INTO webhook_secrets VALUES ($1, $2, NULL)", [row.id, secret]);
    await queries.all("UPDATE webhooks SET version = version + 1 WHERE id = $1", [row.id]);
  }
  const after = await findWebhook(queries, owner, change.id);
  if (after === null) return { type: "not-found" };
  return { type: "webhook", webhook: await shown(queries, after), secret };
}

async function createWebhook(
  queries: HookQueries,
  { content }: Extract<HookChange, { readonly type: "create-webhook" }>,
  owner: HookOwner,
  cursor: string,
  now: number,
): Promise<HookOutcome> {
  const max = bounds.webhooks_max;
  if ((await countOf(queries, "webhooks", owner)) >= max) return { type: "too-many", what: "webhooks", max };
  const id = newHookId("w");
  const secret = newSecret();
  await queries.all(
    `INSERT INTO webhooks (id, owner, beginning, url, types, accounts, state, taken, version, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, 'active', $7, 1, $8)`,
    [id, owner.name, owner.beginning, content.url, json(content.types), json(content.accounts), cursor, now],
  );
  await queries.all("INSERT INTO webhook_secrets VALUES ($1, $2, NULL)", [id, secret]);
  const row = await findWebhook(queries, owner, id);
  if (row === null) throw new Error(`webhook ${id} is not there after it was made`);
  return { type: "webhook", webhook: await shown(queries, row), secret };
}

/** Whoever sets it going again is its owner from then on: it ends with that one's key. */
async function changeWebhook(
  queries: HookQueries,
  row: WebhookRow,
  { content, state }: Extract<HookChange, { readonly type: "change-webhook" }>,
  owner: HookOwner,
  now: number,
): Promise<void> {
  const next = {
    url: content.url ?? row.url,
    types: content.types === undefined ? row.types : json(content.types),
    accounts: content.accounts === undefined ? row.accounts : json(content.accounts),
  };
  await queries.all(
    "UPDATE webhooks SET url = $2, types = $3, accounts = $4, version = version + 1 WHERE id = $1",
    [row.id, next.url, next.types, next.accounts],
  );
  if (next.types !== row.types || next.accounts !== row.accounts) await dropUnwanted(queries, row.id, next);
  if (state === "paused") {
    await queries.all("UPDATE webhooks SET state = 'paused', reason = 'asked' WHERE id = $1", [row.id]);
  }
  if (state !== "active") return;
  await queries.all(
    `UPDATE webhooks SET state = 'active', reason = NULL, failing_since = NULL, owner = $2 WHERE id = $1`,
    [row.id, owner.name],
  );
  // What was parked begins anew, and what waits need not wait for its time.
  await queries.all(
    `UPDATE deliveries SET state = 'waiting', tried = 0, first_at = NULL, next_at = $2, done_at = NULL
    WHERE webhook = $1 AND state <> 'delivered'`,
    [row.id, now],
  );
}

async function createWatch(
  queries: HookQueries,
  { content }: Extract<HookChange, { readonly type: "create-watch" }>,
  owner: HookOwner,
  now: number,
): Promise<HookOutcome> {
  const max = bounds.watches_max;
  if ((await countOf(queries, "watches", owner)) >= max) return { type: "too-many", what: "watches", max };
  const id = newHookId("c");
  await queries.all(
    `INSERT INTO watches (id, owner, beginning, account, prefix, available_lt, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [id, owner.name, owner.beginning, content.account, content.prefix, content.availableLessThan, now],
  );
  return { type: "watch", watch: { id, ...content, createdAt: now, armed: false } };
}

async function countOf(
  queries: HookQueries,
  table: "webhooks" | "watches",
  owner: HookOwner,
): Promise<number> {
  const [row] = await queries.all<{ count: number }>(
    `SELECT count(*) AS count FROM ${table} WHERE owner = $1`,
    [owner.name],
  );
  return row?.count ?? 0;
}

async function findWebhook(queries: HookQueries, owner: HookOwner, id: string): Promise<WebhookRow | null> {
  const [row] = await queries.all<WebhookRow>("SELECT * FROM webhooks WHERE id = $1", [id]);
  return row !== undefined && isFor(owner, row) ? row : null;
}

async function findWatch(queries: HookQueries, owner: HookOwner, id: string): Promise<WatchRow | null> {
  const [row] = await queries.all<WatchRow>("SELECT * FROM watches WHERE id = $1", [id]);
  return row !== undefined && isFor(owner, row) ? row : null;
}

/** With its backlog, and how far it has come in each shard. */
async function shown(queries: HookQueries, row: WebhookRow): Promise<Webhook> {
  const [waiting] = await queries.all<{ count: number }>(
    "SELECT count(*) AS count FROM deliveries WHERE webhook = $1 AND state = 'waiting'",
    [row.id],
  );
  const first = await queries.all<{ shard: number; before: string }>(
    `SELECT d.shard, d.before FROM deliveries AS d JOIN (
      SELECT shard, min(g) AS g FROM deliveries WHERE webhook = $1 AND state = 'waiting' AND sub = '' GROUP BY shard
    ) AS f ON f.shard = d.shard AND f.g = d.g
    WHERE d.webhook = $1 AND d.state = 'waiting' AND d.sub = '' ORDER BY d.event DESC`,
    [row.id],
  );
  return webhookOf(row, waiting?.count ?? 0, new Map(first.map(({ shard, before }) => [shard, before])));
}

function json(list: readonly string[] | null): string | null {
  return list === null ? null : JSON.stringify(list);
}

/** @param rows one more than the page has, if there is one */
async function sliced<Row, Item>(
  rows: readonly Row[],
  count: number,
  keyOf: (row: Row) => string,
  itemOf: (row: Row) => Promise<Item>,
): Promise<SlicePage<Item>> {
  const taken = rows.slice(0, count);
  const last = taken.at(-1);
  const items: Item[] = [];
  for (const row of taken) items.push(await itemOf(row));
  return { items, next: rows.length > count && last !== undefined ? keyOf(last) : null };
}
