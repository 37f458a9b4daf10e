import { randomBytes } from "node:crypto";
import { z } from "zod";
import { formatCursor, parseCursor, type Cursor } from "../events/cursor.ts";
import type {
  Attempt,
  Crossing,
  Delivery,
  DeliveryState,
  HookOwner,
  Watch,
  Webhook,
  WebhookReason,
  WebhookState,
} from "./hook-store.ts";

/** Rows of 007_webhooks.sql, and what they say. */

export interface WebhookRow {
  readonly id: string;
  readonly owner: string;
  readonly beginning: string;
  readonly url: string;
  readonly types: string | null;
  readonly accounts: string | null;
  readonly state: WebhookState;
  readonly reason: WebhookReason | null;
  readonly failing_since: number | null;
  readonly taken: string;
  readonly version: number;
  readonly created_at: number;
}

export interface WatchRow {
  readonly id: string;
  readonly owner: string;
  readonly beginning: string;
  readonly account: string | null;
  readonly prefix: string | null;
  readonly available_lt: number;
  readonly armed: string | null;
  readonly created_at: number;
}

export interface DeliveryRow {
  readonly webhook: string;
  readonly shard: number;
  readonly g: number;
  readonly event: number;
  readonly sub: string;
  readonly id: string;
  readonly type: string;
  readonly accounts: string;
  readonly before: string;
  readonly state: DeliveryState;
  readonly tried: number;
  readonly first_at: number | null;
  readonly next_at: number;
  readonly done_at: number | null;
  readonly attempts: string;
}

export interface CrossingRow {
  readonly shard: number;
  readonly g: number;
  readonly event: number;
  readonly account: string;
  readonly body: string;
}

export const HOOK_ID_CHARACTERS = 26;

/** Of webhooks `w`, of watches `c`. What was made later sorts behind it. */
export function newHookId(letter: "w" | "c"): string {
  return `${letter}${Date.now().toString(36).padStart(9, "0")}${randomBytes(8).toString("hex")}`;
}

/** Whether what an owner made is for another one to see: all of it is within what that one may see. */
export function isFor(owner: HookOwner, row: { readonly beginning: string }): boolean {
  return row.beginning.startsWith(owner.beginning);
}

const texts = z.array(z.string());

export function textsIn(json: string): readonly string[] {
  return texts.parse(JSON.parse(json));
}

export function webhookOf(
  row: WebhookRow,
  backlog: number,
  firstWaiting: ReadonlyMap<number, string>,
): Webhook {
  return {
    id: row.id,
    url: row.url,
    types: row.types === null ? null : textsIn(row.types),
    accounts: row.accounts === null ? null : textsIn(row.accounts),
    state: row.state,
    reason: row.reason,
    failingSince: row.failing_since,
    deliveredUntil: formatCursor(until(row.taken, firstWaiting)),
    backlog,
    createdAt: row.created_at,
  };
}

/** What was taken, but in each shard no further than before the first delivery that waits. */
function until(taken: string, firstWaiting: ReadonlyMap<number, string>): Cursor {
  const cursor = cursorIn(taken);
  return cursor.map((position) => {
    const before = firstWaiting.get(position.shard);
    return before === undefined ? position : { shard: position.shard, ...placeIn(before) };
  });
}

export function cursorIn(text: string): Cursor {
  const cursor = parseCursor(text);
  if (cursor === null) throw new Error(`a webhook has a cursor that is none: ${text}`);
  return cursor;
}

/** A position without its shard, as deliveries have it. */
export function placeText({ g, seen, mark }: Omit<Cursor[number], "shard">): string {
  return `${g} ${seen ?? "all"} ${mark}`;
}

function placeIn(text: string): Omit<Cursor[number], "shard"> {
  const [g = "", seen = "", mark = ""] = text.split(" ");
  return { g: Number(g), seen: seen === "all" ? null : Number(seen), mark: Number(mark) };
}

export function watchOf(row: WatchRow): Watch {
  const { id, account, prefix, available_lt: availableLessThan, armed, created_at: createdAt } = row;
  return { id, account, prefix, availableLessThan, createdAt, armed: armed !== null };
}

const attempts = z.array(
  z.object({
    at: z.number(),
    status: z.number().nullable(),
    error: z.string().nullable(),
    milliseconds: z.number(),
  }),
);

export function attemptsIn(json: string): readonly Attempt[] {
  return attempts.parse(JSON.parse(json));
}

export function deliveryOf(row: DeliveryRow): Delivery {
  return {
    event: row.id,
    type: row.type,
    state: row.state,
    attempts: attemptsIn(row.attempts),
    nextAttemptAt: row.state === "waiting" ? row.next_at : null,
  };
}

const crossingBody = z.object({
  at: z.string(),
  data: z.object({ account: z.record(z.string(), z.unknown()), event: z.string() }),
});

export function crossingOf(row: CrossingRow): Crossing {
  const { at, data } = crossingBody.parse(JSON.parse(row.body));
  return { event: data.event, at, account: JSON.stringify(data.account) };
}
