import type { AccountId, Micros } from "../ledger/account.ts";

/** Webhooks and watches as the HTTP edge asks for them: the port, and what goes through it. */

export type WebhookState = "active" | "paused" | "parked";
/** Why it is not active. */
export type WebhookReason = "asked" | "gone" | "key-revoked" | "history-changed" | "failed";

/** Who makes or looks at one: an access key, by what it may see. */
export interface HookOwner {
  /** The name of the key; empty where the server is open. */
  readonly name: string;
  /** What the ids of its accounts begin with; empty for all. */
  readonly beginning: string;
}

export interface WebhookContent {
  readonly url: string;
  /** `null`: all. */
  readonly types: readonly string[] | null;
  /** Ids, or beginnings of ids with a `*` behind; `null`: all. */
  readonly accounts: readonly string[] | null;
}

export interface Webhook extends WebhookContent {
  readonly id: string;
  readonly state: WebhookState;
  readonly reason: WebhookReason | null;
  readonly failingSince: Micros | null;
  /** A cursor of `/v1/events`: everything before it was delivered, parked, or is not for this webhook. */
  readonly deliveredUntil: string;
  /** How many deliveries wait that were read from the journal so far. */
  readonly backlog: number;
  readonly createdAt: Micros;
}

export type DeliveryState = "waiting" | "delivered" | "parked";

export interface Attempt {
  readonly at: Micros;
  /** `null`: there was no answer. */
  readonly status: number | null;
  readonly error: string | null;
  readonly milliseconds: number;
}

export interface Delivery {
  readonly event: string;
  readonly type: string;
  readonly state: DeliveryState;
  /** The last ones, the oldest first. */
  readonly attempts: readonly Attempt[];
  readonly nextAttemptAt: Micros | null;
}

export interface WatchContent {
  readonly account: AccountId | null;
  readonly prefix: string | null;
  readonly availableLessThan: number;
}

export interface Watch extends WatchContent {
  readonly id: string;
  readonly createdAt: Micros;
  /** Whether it is known already which accounts are below: from then on each crossing is told. */
  readonly armed: boolean;
}

export interface Crossing {
  readonly event: string;
  /** As RFC 3339 has it. */
  readonly at: string;
  /** JSON of the account as it stood then. */
  readonly account: string;
}

/** What changes webhooks and watches, and bears an Idempotency-Key. */
export type HookChange =
  | { readonly type: "create-webhook"; readonly content: WebhookContent }
  | {
      readonly type: "change-webhook";
      readonly id: string;
      readonly content: Partial<WebhookContent>;
      readonly state: "active" | "paused" | null;
    }
  | { readonly type: "rotate-secret"; readonly id: string }
  | { readonly type: "replay"; readonly id: string; readonly from: ReplayStart }
  | { readonly type: "create-watch"; readonly content: WatchContent };

/** The text of a cursor after which, or a time from which on. */
export type ReplayStart =
  { readonly type: "after"; readonly cursor: string } | { readonly type: "from"; readonly time: Micros };

export type HookOutcome =
  | { readonly type: "webhook"; readonly webhook: Webhook; readonly secret: string | null }
  | { readonly type: "watch"; readonly watch: Watch }
  | { readonly type: "not-found" }
  /** The field is wrong, as only this place can tell. */
  | { readonly type: "wrong-field"; readonly field: string; readonly rule: string }
  | { readonly type: "cursor-gone"; readonly shard: number }
  | { readonly type: "too-many"; readonly what: "webhooks" | "watches"; readonly max: number };

/** What a change was answered. */
export interface HookAnswer {
  readonly status: number;
  /** JSON. */
  readonly body: string;
}

export type HookSubmitted =
  ({ readonly type: "answered"; readonly replayed: boolean } & HookAnswer) | { readonly type: "key-reused" };

export interface HookRequest {
  readonly owner: HookOwner;
  /** The Idempotency-Key. */
  readonly key: string | null;
  /** What the answer to an outcome is. It is kept under the key, but never with a secret. */
  readonly answerOf: (outcome: HookOutcome) => HookAnswer;
}

export interface Slice {
  readonly count: number;
  /** The key of the last item before it. */
  readonly after: string | null;
}

export interface SlicePage<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/**
 * All methods reject with LedgerUnavailable where webhooks cannot be read or written now. What is not for the owner is
 * not there for it.
 */
export interface HookStore {
  submit(change: HookChange, request: HookRequest): Promise<HookSubmitted>;
  webhooks(owner: HookOwner, page: Slice): Promise<SlicePage<Webhook>>;
  webhook(owner: HookOwner, id: string): Promise<Webhook | null>;
  /** @returns whether it was there */
  deleteWebhook(owner: HookOwner, id: string): Promise<boolean>;
  /** The newest first. @returns null if there is no such webhook */
  deliveries(
    owner: HookOwner,
    id: string,
    state: DeliveryState | null,
    page: Slice,
  ): Promise<SlicePage<Delivery> | null>;
  watches(owner: HookOwner, page: Slice): Promise<SlicePage<Watch>>;
  watch(owner: HookOwner, id: string): Promise<Watch | null>;
  deleteWatch(owner: HookOwner, id: string): Promise<boolean>;
  /** The newest first. @returns null if there is no such watch */
  crossings(owner: HookOwner, id: string, page: Slice): Promise<SlicePage<Crossing> | null>;
  close(): Promise<void>;
}
