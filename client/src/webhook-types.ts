import type { AccountState, LedgerEvent } from "./types.ts";

/** An event that a webhook alone is sent: what may go out of an account has fallen under a watch's bound. */
export interface WatchCrossed {
  readonly id: string;
  readonly type: "watch.crossed";
  readonly at: string;
  readonly data: {
    readonly watch: string;
    /** As it stood after the event. */
    readonly account: AccountState;
    /** The id of the event that did it. */
    readonly event: string;
  };
}

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

/**
 * With the secret that its requests are signed with. It is answered once: `null` where the answer to an earlier attempt
 * was lost, which had it. `rotate` makes a new one.
 */
export type WebhookWithSecret = Webhook & { readonly secret: string | null };

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

/** One time that a watch was crossed. */
export interface Crossing {
  /** The id of the event that did it. */
  readonly event: string;
  readonly at: string;
  /** As it stood after it. */
  readonly account: AccountState;
}

export interface PageFilter {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}
