import type { paths } from "./openapi.ts";

/** Names for what the routes take and give. All of them come from the document, by its routes. */

type Json<Message> = Message extends { readonly content: { readonly "application/json": infer Value } }
  ? Value
  : never;
type Answer<Operation, Status extends number> = Operation extends { readonly responses: infer Responses }
  ? Status extends keyof Responses
    ? Json<Responses[Status]>
    : never
  : never;
type Body<Operation> = Operation extends { readonly requestBody?: infer Request }
  ? Json<NonNullable<Request>>
  : never;
type Query<Operation> = Operation extends { readonly parameters: { readonly query?: infer Parameters } }
  ? NonNullable<Parameters>
  : never;
type Item<Page> = Page extends { readonly data: readonly (infer One)[] } ? One : never;
/** Times may also be given as Date. */
type WithDates<Parameters, Names extends keyof Parameters> = {
  readonly [Name in keyof Parameters]: Name extends Names ? Parameters[Name] | Date : Parameters[Name];
};

export type Account = Answer<paths["/v1/accounts/{id}"]["get"], 200>;
export type NewAccount = Body<paths["/v1/accounts"]["post"]>;
export type AccountChange = Body<paths["/v1/accounts/{id}"]["patch"]>;
export type AccountFilter = Omit<Query<paths["/v1/accounts"]["get"]>, "metadata"> & {
  /** Only accounts whose metadata have these texts. */
  readonly metadata?: Readonly<Record<string, string>>;
};

export type CreatedTransaction = Answer<paths["/v1/transactions"]["post"], 201>;
/** What a transaction would do, had it been more than a dry run. */
export type DryRun = Omit<CreatedTransaction, "id"> & { readonly id: null };
export type NewTransaction = Omit<Body<paths["/v1/transactions"]["post"]>, "dry_run">;
export type KeptTransaction = Answer<paths["/v1/transactions/{id}"]["get"], 200>;
export type Transaction = Item<Answer<paths["/v1/transactions"]["get"], 200>>;
export type TransactionFilter = WithDates<Query<paths["/v1/transactions"]["get"]>, "from" | "to">;
export type Reversal = Body<paths["/v1/transactions/{id}/reversal"]["post"]>;

export type Hold = Answer<paths["/v1/holds/{id}"]["get"], 200>;
export type DecidedHold = Answer<paths["/v1/holds"]["post"], 201>;
export type NewHold = Body<paths["/v1/holds"]["post"]>;
export type Capture = Body<paths["/v1/holds/{id}/capture"]["post"]>;
export type HoldFilter = Query<paths["/v1/holds"]["get"]>;

export type BatchCommand = Body<paths["/v1/batches"]["post"]>["commands"][number];

export type Entry = Item<Answer<paths["/v1/accounts/{id}/entries"]["get"], 200>>;
export type EntryFilter = WithDates<Query<paths["/v1/accounts/{id}/entries"]["get"]>, "from" | "to">;
export type BalanceAt = Answer<paths["/v1/accounts/{id}/balance"]["get"], 200>;
export type Totals = Answer<paths["/v1/ledger"]["get"], 200>;

/** One decision of the ledger. `type` tells what its `data` are. */
export type LedgerEvent = Item<Answer<paths["/v1/events"]["get"], 200>>;
export type EventType = LedgerEvent["type"];
export type EventPage = Answer<paths["/v1/events"]["get"], 200>;
/** An event with the place after it, to go on from. */
export type StreamedEvent = LedgerEvent & { readonly cursor: string };
/** An account without its name and metadata. */
export type AccountState = CreatedTransaction["accounts"][string];

export type NewWebhook = Body<paths["/v1/webhooks"]["post"]>;
export type WebhookChange = Body<paths["/v1/webhooks/{id}"]["patch"]>;
export type Webhook = Answer<paths["/v1/webhooks/{id}"]["get"], 200>;
/**
 * With the secret that its requests are signed with. It is answered once: `null` where the answer to an earlier attempt
 * was lost, which had it. `rotate` makes a new one.
 */
export type WebhookWithSecret = Answer<paths["/v1/webhooks"]["post"], 201>;
/** After a cursor, or the events from a time on. */
export type Replay = WithDates<Body<paths["/v1/webhooks/{id}/replay"]["post"]>, "from">;
export type Delivery = Item<Answer<paths["/v1/webhooks/{id}/deliveries"]["get"], 200>>;
export type DeliveryFilter = Query<paths["/v1/webhooks/{id}/deliveries"]["get"]>;

export type NewWatch = Body<paths["/v1/watches"]["post"]>;
export type Watch = Answer<paths["/v1/watches/{id}"]["get"], 200>;
export type Crossing = Item<Answer<paths["/v1/watches/{id}/crossings"]["get"], 200>>;

/** What webhooks alone are sent: what an account has available has fallen under a watch's bound. */
export interface WatchCrossed {
  readonly id: string;
  readonly type: "watch.crossed";
  readonly at: string;
  readonly data: {
    /** The id of the watch. */
    readonly watch: string;
    /** As it stood after the event. */
    readonly account: AccountState;
    /** The id of the event that did it. */
    readonly event: string;
  };
}
/** What a webhook is sent. */
export type WebhookEvent = LedgerEvent | WatchCrossed;

/** Of a list without a filter: how many at once, and where to go on. */
export type PageFilter = Query<paths["/v1/webhooks"]["get"]>;

/** What was answered in place of what was asked for (RFC 9457), by the ledger or by what is before it. */
export interface Problem {
  /** `urn:razonete:problem:` and a name; something else is not from Razonete. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** For people: what to do. */
  readonly detail: string;
  /** The account because of which it was refused. */
  readonly account?: string;
  /** The place of the posting, condition or command, from 0. */
  readonly index?: number;
  /** Of an atomic batch: the place in its command. */
  readonly posting?: number;
  readonly condition?: number;
  /** Of `hold-not-open`: how it ended. */
  readonly state?: "captured" | "released" | "expired";
  /** Of `already-reversed`. */
  readonly reversal?: string;
  /** Of `ledger-unavailable`. */
  readonly outcome?: "none" | "unknown";
  /** Of `invalid-fields`. */
  readonly errors?: readonly {
    readonly detail: string;
    readonly pointer?: string;
    readonly parameter?: string;
  }[];
}
