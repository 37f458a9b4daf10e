import { z } from "zod";
import { type AccessKey, mayUse } from "../../access/access-key.ts";
import { bounds } from "../../bounds.ts";
import { isOwnTransaction } from "../../ledger/own-accounts.ts";
import type { Condition } from "../../ledger/transaction.ts";
import { toResponse } from "../problems.ts";
import { TRANSACTION_NOT_FOUND } from "../refusal-problems.ts";
import type { RouteContext, RoutedRequest } from "../route.ts";
import { okJson } from "./answers.ts";
import type { JsonSchema } from "./documented.ts";
import {
  accountId,
  amount,
  anyAmount,
  detailFields,
  detailsOf,
  isId,
  list,
  members,
  party,
  flag,
  reference,
  SIDES_RULE,
} from "./fields.ts";
import { keptTransactionJson, transactionJson } from "./json.ts";
import { cursorOf, listName, listResponse, NOTHING, pageOf, pageParameters } from "./page.ts";
import { parseNoQuery, parseQuery, timeParameter } from "./query.ts";
import type { Operation } from "./submit.ts";

export const posting = members({ from: party, to: party, amount })
  .refine(({ from, to }) => from !== to, { error: SIDES_RULE })
  .meta({ description: SIDES_RULE });

const COMPARISON_RULE = 'must have one of "eq", "gte" and "lte"';
const CONDITION_RULE = 'must have one of "balance", "available" and "seq"';
export const comparison = members({
  eq: anyAmount.nullish(),
  gte: anyAmount.nullish(),
  lte: anyAmount.nullish(),
})
  .refine(({ eq, gte, lte }) => isOne([eq, gte, lte]), { error: COMPARISON_RULE })
  .meta({ description: COMPARISON_RULE, ...documentedOne(["eq", "gte", "lte"]) });

export const condition = members({
  account: accountId,
  balance: comparison.nullish(),
  available: comparison.nullish(),
  seq: comparison.nullish(),
})
  .refine(({ balance, available, seq }) => isOne([balance, available, seq]), { error: CONDITION_RULE })
  .meta({ description: CONDITION_RULE, ...documentedOne(["balance", "available", "seq"]) });

function isOne(values: readonly unknown[]): boolean {
  return values.filter((value) => value !== undefined && value !== null).length === 1;
}

/** One of them is there, and not `null`. */
function documentedOne(names: readonly string[]): JsonSchema {
  const isThere = (name: string) => ({ required: [name], properties: { [name]: { not: { type: "null" } } } });
  return { oneOf: names.map(isThere) };
}

const creation = members({
  postings: list(posting, bounds.transaction_postings_max),
  conditions: list(condition, bounds.transaction_conditions_max).nullish(),
  dry_run: flag.nullish(),
  ...detailFields,
});

export const createTransaction: Operation<z.infer<typeof creation>> = {
  schema: creation,
  mayBeEmpty: false,
  notFound: null,
  commandOf: (body) => ({
    type: "transaction",
    postings: body.postings,
    conditions: (body.conditions ?? []).map(conditionOf),
    isDryRun: body.dry_run ?? false,
    ...detailsOf(body),
  }),
};

/** Stands for no bound, see `Condition`. */
const UNBOUNDED = 2 ** 53;

function conditionOf({ account, balance, available, seq }: z.infer<typeof condition>): Condition {
  const what = balance ? "balance" : available ? "available" : "seq";
  const { eq, gte, lte } = balance ?? available ?? seq ?? {};
  return { account, what, least: eq ?? gte ?? -UNBOUNDED, most: eq ?? lte ?? UNBOUNDED };
}

const reversal = members(detailFields);

export const reverseTransaction: Operation<z.infer<typeof reversal>> = {
  schema: reversal,
  mayBeEmpty: true,
  notFound: TRANSACTION_NOT_FOUND,
  commandOf: (body, transaction) => ({ type: "reversal", transaction, ...detailsOf(body) }),
};

export async function getTransaction(
  { ledger }: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const query = parseNoQuery(request);
  if (!query.ok) return toResponse(query.problem);
  const id = request.params["id"] ?? "";
  const kept = isId(id) ? await ledger.transaction(id) : null;
  if (kept === null || !isOwnTransaction(key.accounts, kept.transaction))
    return toResponse(TRANSACTION_NOT_FOUND);
  return okJson(keptTransactionJson(kept));
}

export const transactionsQuery = z.strictObject({
  ...pageParameters,
  reference: reference.optional(),
  account: accountId.optional(),
  from: timeParameter.optional(),
  to: timeParameter.optional(),
});

export async function listTransactions(
  { ledger }: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const query = parseQuery(transactionsQuery, request);
  if (!query.ok) return toResponse(query.problem);
  const { value } = query;
  const filter = {
    idBeginning: key.accounts,
    reference: value.reference ?? null,
    account: value.account ?? null,
    fromTime: value.from ?? null,
    beforeTime: value.to ?? null,
  };
  const name = listName("transactions", filter);
  const page = pageOf(name, value);
  if (!page.ok) return toResponse(page.problem);
  const isOwn = filter.account === null || mayUse(key, filter.account);
  const { items, next } = isOwn ? await ledger.transactions(filter, page.value) : NOTHING;
  const cursor = next === null ? null : cursorOf(name, next);
  return listResponse("/v1/transactions", request, items.map(transactionJson), cursor);
}
