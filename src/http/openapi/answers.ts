import { z } from "zod";
import type { EventType } from "../../events/public-event.ts";
import { SCOPES } from "../../access/scope.ts";
import { accountStatus, holdStatus } from "../v1/fields.ts";

/**
 * What is answered, as schemas: the same that v1/json.ts and response-json.ts write by hand. The suites of tests/http hold
 * every answer to them.
 */

const told = (description: string) => ({ description });

const id = z.string().min(1).max(64);
const accountId = id.meta(told("The id of an account."));
const party = z.string().meta(told("The id of an account, or `@world`, the outside."));
const unit = z
  .string()
  .meta(told("What is counted, and the number of decimals that people are shown, if any."));
const integer = z.int();
const amount = integer.min(0);
const time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
  .meta({ format: "date-time", description: "RFC 3339, UTC, with microseconds." });
const seq = integer
  .min(0)
  .meta(told("The number of an account's entry, from 1 without a gap; 0 before the first."));
const integerText = z
  .string()
  .regex(/^-?\d+$/)
  .meta(told("An integer as a text, since it may be over 2^53."));

const details = {
  description: z.string().nullable(),
  reference: z.string().nullable().meta(told("The client's own; it need not be unique.")),
  metadata: z.record(z.string(), z.string()),
};

const state = {
  state: accountStatus,
  credit_limit: amount,
  balance: integer,
  held: amount.meta(told("The sum of its open holds.")),
  available: integer.meta(told("balance + credit_limit - held: what may still go out, told up to 2^53 - 1.")),
  seq: seq.meta(told("Of its latest entry; 0 before the first.")),
  opened_at: time,
};

const accountState = z
  .object({ id: accountId, unit, ...state })
  .meta(told("An account as others show it: without name and metadata."));

const account = z.object({
  id: accountId,
  unit,
  name: z.string().nullable(),
  metadata: details.metadata,
  ...state,
});

const transactionId = id.meta(told("The id of a transaction."));
const transactionMembers = {
  id: transactionId,
  postings: z.array(z.object({ from: party, to: party, amount: integer.min(1) })),
  ...details,
  reverses: transactionId.nullable().meta(told("The transaction that it takes back.")),
  hold: id.nullable().meta(told("The hold whose capture it is.")),
  created_at: time,
};
const accounts = z
  .record(z.string(), accountState)
  .meta(told("Each account that it names, but `@world`, as it stands after it."));
const transaction = z.object(transactionMembers);
const createdTransaction = z.object({ ...transactionMembers, accounts });
const triedTransaction = z.object({ ...transactionMembers, id: z.null(), accounts });
const keptTransaction = z.object({
  ...transactionMembers,
  reversed_by: transactionId.nullable().meta(told("The reversal that took it back.")),
});

const holdMembers = {
  id: id.meta(told("The id of a hold.")),
  state: holdStatus,
  from: accountId,
  to: party,
  amount: integer.min(1),
  captured: amount.meta(told("What was moved in all.")),
  expires_at: time,
  ...details,
  created_at: time,
  transaction: transactionId.nullable().meta(told("Its capture, where that moved anything.")),
};
const hold = z.object(holdMembers);
const decidedHold = z.object({ ...holdMembers, account: accountState });

const entry = z.object({
  seq: integer.min(1),
  amount: integer.meta(told("Less than 0: it went out.")),
  balance: integer.meta(told("After it.")),
  counterparty: party
    .nullable()
    .meta(told("The other side. `null`: an account that the access key is not for.")),
  transaction: transactionId,
  description: details.description,
  reference: details.reference,
  created_at: time,
});

function listOf(item: z.ZodType) {
  return z.object({
    data: z.array(item),
    next: z.string().nullable().meta(told("The `cursor` of the next page; `null` after the last one.")),
  });
}

const seenParty = party
  .nullable()
  .meta(told("An account, or `@world`. `null`: an account that the access key is not for."));
const seenPostings = z.array(z.object({ from: seenParty, to: seenParty, amount: integer.min(1) }));
const toldTransaction = z.object({ ...transactionMembers, postings: seenPostings, accounts });
const toldHold = z.object({ ...holdMembers, to: seenParty, accounts });
const capturedHold = z.object({
  ...toldHold.shape,
  postings: seenPostings.meta(told("What its capture moved.")),
});

function eventOf(types: readonly EventType[], data: z.ZodType) {
  return z.object({
    id: id.meta(told("The id of the event: the same whenever it is told.")),
    type: z.enum(types),
    at: time.meta(told("When it was decided.")),
    data,
  });
}

const event = z
  .union([
    eventOf(["account.opened", "account.changed"], account),
    eventOf(["transaction.created"], toldTransaction),
    eventOf(["hold.created", "hold.released", "hold.expired"], toldHold),
    eventOf(["hold.captured"], capturedHold),
  ])
  .meta(told("What was decided, with the accounts as they stand after it."));
const eventPage = z.object({
  data: z.array(event),
  next: z.string().meta(told("The `after` of the next page, also where there is nothing yet.")),
});

const balanceAt = z.object({ id: accountId, unit, balance: integer, seq, at: time });

const ledger = z.object({
  accounts: amount,
  transactions: amount,
  units: z.array(
    z.object({
      unit,
      balances: integerText.meta(told("The sum of all balances.")),
      world: integerText.meta(
        told("What the outside holds: but for `in_transit` the same with the other sign."),
      ),
      in_transit: integerText.meta(
        told(
          "What transactions across shards have taken from accounts and not yet brought to others; the three are 0 together.",
        ),
      ),
    }),
  ),
  books: z.object({
    lag_ms: amount.meta(told("How far the books are behind.")),
    shards_away: z
      .array(integer.min(0))
      .optional()
      .meta(
        told(
          "Only where shards of a cluster do not answer: their numbers. What they have decided last may be missing, and does not count in `lag_ms`.",
        ),
      ),
  }),
});

const key = z.object({
  name: z.string().nullable().meta(told("`null`: the server is open, and asks for none.")),
  scopes: z.array(z.enum(SCOPES)),
  accounts: z.string().meta(told("What the ids of its accounts begin with, and a `*`.")),
  expires_at: time.nullable(),
  rate: integer.nullable().meta(told("Requests a second, where it has a rate of its own.")),
});

const contestTransaction = z.object({ limite: integer, saldo: integer });
const contestStatement = z.object({
  saldo: z.object({ total: integer, data_extrato: time, limite: integer }),
  ultimas_transacoes: z.array(
    z.object({
      valor: integer.min(1),
      tipo: z.enum(["c", "d"]),
      descricao: z.string().max(10),
      realizada_em: time,
    }),
  ),
});

const webhookMembers = {
  id: id.meta(told("The id of a webhook.")),
  url: z.string(),
  types: z.array(z.string()).nullable().meta(told("`null`: all.")),
  accounts: z
    .array(z.string())
    .nullable()
    .meta(told("Ids, and beginnings of ids with a `*` behind. `null`: all that the access key may see.")),
  state: z.enum(["active", "paused", "parked"]),
  reason: z
    .enum(["asked", "gone", "key-revoked", "history-changed", "failed"])
    .nullable()
    .meta(told("Why it is not active.")),
  failing_since: time.nullable().meta(told("Since when its target takes nothing.")),
  delivered_until: z
    .string()
    .meta(told("A cursor of `/v1/events`: everything before it was delivered, parked, or is not for it.")),
  backlog: amount.meta(told("How many deliveries wait that were read from the journal so far.")),
  created_at: time,
};
const webhook = z.object(webhookMembers);
const toldWebhook = z.object({
  ...webhookMembers,
  secret: z
    .string()
    .nullable()
    .meta(
      told(
        "What deliveries are signed with. Told here and never again; `null` in a replayed or other answer.",
      ),
    ),
});
const delivery = z.object({
  event: z.string().meta(told("The id of the event, which is `webhook-id` of each attempt.")),
  type: z.string(),
  state: z.enum(["waiting", "delivered", "parked"]),
  attempts: z
    .array(
      z.object({
        at: time,
        status: integer.nullable().meta(told("`null`: there was no answer.")),
        error: z.string().nullable(),
        ms: integer,
      }),
    )
    .meta(told("The last 20, the oldest first.")),
  next_attempt_at: time.nullable(),
});
const watch = z.object({
  id: id.meta(told("The id of a watch.")),
  account: accountId.nullable(),
  prefix: z.string().nullable().meta(told("What the ids of its accounts begin with.")),
  available_lt: integer,
  created_at: time,
  armed: z.boolean().meta(told("From then on each crossing is told. What was below before is none.")),
});
const crossing = z.object({
  event: id.meta(told("The event by which the account came below.")),
  at: time,
  account: accountState,
});

const watchCrossed = z
  .object({
    id: z.string().min(1).meta(told("The same at each attempt.")),
    type: z.literal("watch.crossed"),
    at: time.meta(told("When the event was decided that did it.")),
    data: z.object({
      watch: watch.shape.id,
      account: accountState,
      event: crossing.shape.event,
    }),
  })
  .meta(told("An account has come to have less available than a watch says."));

/** By their names in the document. What a batch is answered is put together there, since it has problems in it. */
export const ANSWERS = {
  Account: account,
  AccountState: accountState,
  AccountList: listOf(account),
  Transaction: transaction,
  CreatedTransaction: createdTransaction,
  TriedTransaction: triedTransaction,
  KeptTransaction: keptTransaction,
  TransactionList: listOf(transaction),
  Hold: hold,
  DecidedHold: decidedHold,
  HoldList: listOf(hold),
  Entry: entry,
  EntryList: listOf(entry),
  Event: event,
  EventPage: eventPage,
  Webhook: webhook,
  ToldWebhook: toldWebhook,
  WebhookList: listOf(webhook),
  Delivery: delivery,
  DeliveryList: listOf(delivery),
  Watch: watch,
  WatchList: listOf(watch),
  Crossing: crossing,
  CrossingList: listOf(crossing),
  WatchCrossed: watchCrossed,
  BalanceAt: balanceAt,
  Ledger: ledger,
  Key: key,
  ContestTransaction: contestTransaction,
  ContestStatement: contestStatement,
  Liveness: z.object({ status: z.literal("alive") }),
  Readiness: z.object({
    status: z.literal("ready"),
    undecided: z
      .array(z.object({ shard: z.int().min(0), reason: z.string(), advice: z.string().optional() }))
      .optional()
      .meta(
        told(
          "In a cluster, the shards that decide nothing now, while others do, and what a person is to do.",
        ),
      ),
  }),
} as const satisfies Readonly<Record<string, z.ZodType>>;

export type AnswerName = keyof typeof ANSWERS | "BatchResults" | "OpenApiDocument";
