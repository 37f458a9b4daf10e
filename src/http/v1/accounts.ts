import { z } from "zod";
import { type AccessKey, mayUse } from "../../access/access-key.ts";
import { ACCOUNT_ORDERS } from "../../ledger/account-order.ts";
import { isAccountId } from "../../ledger/account-id.ts";
import { narrower } from "../../ledger/own-accounts.ts";
import { toResponse } from "../problems.ts";
import { ACCOUNT_NOT_FOUND } from "../refusal-problems.ts";
import type { RouteContext, RoutedRequest } from "../route.ts";
import { okJson } from "./answers.ts";
import {
  accountId,
  accountStatus,
  amountOrZero,
  idBeginning,
  members,
  metadata,
  metadataOf,
  name,
  oneOf,
  unit,
} from "./fields.ts";
import { accountJson } from "./json.ts";
import { cursorOf, listName, listResponse, NOTHING, pageOf, pageParameters } from "./page.ts";
import { integerParameter, parseNoQuery, parseQuery } from "./query.ts";
import type { Operation } from "./submit.ts";

const opening = members({
  id: accountId.nullish(),
  unit,
  credit_limit: amountOrZero.nullish(),
  name: name.nullish(),
  metadata: metadata.nullish(),
});

export const openAccount: Operation<z.infer<typeof opening>> = {
  schema: opening,
  mayBeEmpty: false,
  notFound: null,
  commandOf: (body) => ({
    type: "open",
    account: body.id ?? null,
    unit: body.unit,
    creditLimit: body.credit_limit ?? 0,
    name: body.name ?? null,
    metadata: metadataOf(body.metadata),
  }),
};

const change = members({
  credit_limit: amountOrZero.optional(),
  name: name.nullable().optional(),
  metadata: metadata.optional(),
  state: accountStatus.optional(),
});

export const changeAccount: Operation<z.infer<typeof change>> = {
  schema: change,
  mayBeEmpty: false,
  notFound: ACCOUNT_NOT_FOUND,
  commandOf: (body, account) => ({
    type: "change",
    account,
    ...(body.credit_limit === undefined ? {} : { creditLimit: body.credit_limit }),
    ...(body.state === undefined ? {} : { state: body.state }),
    ...(body.name === undefined ? {} : { name: body.name }),
    ...(body.metadata === undefined ? {} : { metadata: body.metadata }),
  }),
};

export async function getAccount(
  { ledger }: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const query = parseNoQuery(request);
  if (!query.ok) return toResponse(query.problem);
  const id = request.params["id"] ?? "";
  const account = isAccountId(id) && mayUse(key, id) ? await ledger.account(id) : null;
  return account === null ? toResponse(ACCOUNT_NOT_FOUND) : okJson(accountJson(account));
}

const anyBalance = integerParameter(-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);

export const accountsQuery = z.strictObject({
  ...pageParameters,
  prefix: idBeginning.optional(),
  unit: unit.optional(),
  state: accountStatus.optional(),
  name: name.optional(),
  metadata: metadata.optional(),
  balance_lt: anyBalance.optional(),
  balance_gt: anyBalance.optional(),
  order: oneOf(ACCOUNT_ORDERS, 'must be "id", "name", "balance" or "-balance"').optional(),
});

export async function listAccounts(
  { ledger }: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const query = parseQuery(accountsQuery, request, "metadata");
  if (!query.ok) return toResponse(query.problem);
  const { value } = query;
  const beginning = narrower(key.accounts, value.prefix ?? "");
  const filter = {
    idBeginning: beginning ?? "",
    unit: value.unit ?? null,
    state: value.state ?? null,
    name: value.name ?? null,
    metadata: metadataOf(value.metadata),
    balanceLessThan: value.balance_lt ?? null,
    balanceGreaterThan: value.balance_gt ?? null,
    order: value.order ?? "id",
  };
  const list = listName("accounts", filter);
  const page = pageOf(list, value);
  if (!page.ok) return toResponse(page.problem);
  const { items, next } = beginning === null ? NOTHING : await ledger.accounts(filter, page.value);
  const cursor = next === null ? null : cursorOf(list, next);
  return listResponse("/v1/accounts", request, items.map(accountJson), cursor);
}
