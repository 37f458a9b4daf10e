import type { Account, CreatedTransaction, Hold } from "./types.ts";

/** What is told by `/v1/events` and by webhooks. */

/** An account without its name and metadata. */
export type AccountState = CreatedTransaction["accounts"][string];
/** By id. Of a key that is bound to some accounts, those alone. */
type States = Readonly<Record<string, AccountState>>;
/** `null` is an account that the access key may not see. */
type Seen<Postings extends readonly object[]> = readonly {
  readonly [Name in keyof Postings[number]]: Name extends "from" | "to"
    ? Postings[number][Name] | null
    : Postings[number][Name];
}[];

type SeenTransaction = Omit<CreatedTransaction, "postings"> & {
  readonly postings: Seen<CreatedTransaction["postings"]>;
};
type SeenHold = Omit<Hold, "to"> & { readonly to: string | null; readonly accounts: States };

interface EventOf<Type extends string, Data> {
  /** The same at every reader and every attempt. */
  readonly id: string;
  readonly type: Type;
  /** When it was decided: RFC 3339, UTC, with microseconds. */
  readonly at: string;
  /** The object, and its accounts as they stood after it. */
  readonly data: Data;
}

/** One decision of the ledger. `type` tells what its `data` are. */
export type LedgerEvent =
  | EventOf<"account.opened", Account>
  | EventOf<"account.changed", Account>
  | EventOf<"transaction.created", SeenTransaction>
  | EventOf<"hold.created", SeenHold>
  /** With what was moved; nothing where the capture was one of 0. */
  | EventOf<"hold.captured", SeenHold & { readonly postings: Seen<CreatedTransaction["postings"]> }>
  | EventOf<"hold.released", SeenHold>
  | EventOf<"hold.expired", SeenHold>;

export type EventType = LedgerEvent["type"];

/** An event with the place after it, to go on from. */
export type StreamedEvent = LedgerEvent & { readonly cursor: string };

export interface EventPage {
  readonly data: readonly LedgerEvent[];
  /** Where the next page begins; there always is one. */
  readonly next: string;
}

/** An event that a webhook alone is sent: what may go out of an account has fallen under a watch's bound. */
export type WatchCrossed = EventOf<
  "watch.crossed",
  {
    readonly watch: string;
    /** As it stood after the event. */
    readonly account: AccountState;
    /** The id of the event that did it. */
    readonly event: string;
  }
>;

/** What a webhook is sent. */
export type WebhookEvent = LedgerEvent | WatchCrossed;

export interface NewWebhook {
  /** https, and reachable from the ledger. */
  readonly url: string;
  /** Left out: all. */
  readonly types?: readonly WebhookEvent["type"][] | null;
  /** Ids, and beginnings of ids with `*` at the end, such as `acme:*`. Left out: all. */
  readonly accounts?: readonly string[] | null;
}

export interface WebhookChange extends Partial<NewWebhook> {
  /** `active` also takes up again what was parked. */
  readonly state?: "active" | "paused";
}

export interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly types: readonly WebhookEvent["type"][] | null;
  readonly accounts: readonly string[] | null;
  readonly state: "active" | "paused" | "parked";
  /** Why it is not active. */
  readonly reason: null | "asked" | "gone" | "key-revoked" | "history-changed" | "failed";
  readonly failing_since: string | null;
  /** The cursor until which all is delivered. */
  readonly delivered_until: string;
  /** How many events wait. */
  readonly backlog: number;
  readonly created_at: string;
}

/** Shown when it is made or rotated, and never again. */
export type WebhookWithSecret = Webhook & { readonly secret: string };

/** Where to begin again: after a cursor, or with the events from a time on. */
export type Replay = { readonly after: string } | { readonly from: Date | string };

export interface Delivery {
  /** The event's id. */
  readonly event: string;
  readonly type: WebhookEvent["type"];
  readonly state: "waiting" | "delivered" | "parked";
  readonly attempts: readonly {
    readonly at: string;
    readonly status: number | null;
    readonly error: string | null;
    readonly ms: number;
  }[];
  readonly next_attempt_at: string | null;
}

export interface DeliveryFilter extends PageFilter {
  readonly state?: Delivery["state"] | undefined;
}

/** Of an account, or of all whose ids begin with `prefix`. */
export type NewWatch = { readonly available_lt: number } & (
  { readonly account: string; readonly prefix?: null } | { readonly prefix: string; readonly account?: null }
);

export interface Watch {
  readonly id: string;
  readonly account: string | null;
  readonly prefix: string | null;
  readonly available_lt: number;
  readonly created_at: string;
  /** Whether it looks already: within a moment after it was made. */
  readonly armed: boolean;
}

export interface PageFilter {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}
