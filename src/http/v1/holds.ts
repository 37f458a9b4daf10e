import { z } from "zod";
import { type AccessKey, mayUse } from "../../access/access-key.ts";
import { bounds } from "../../bounds.ts";
import { WORLD } from "../../ledger/account.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import { isOwnHold } from "../../ledger/own-accounts.ts";
import type { EventId } from "../../ledger/transaction.ts";
import { type FieldError, toResponse } from "../problems.ts";
import { HOLD_NOT_FOUND } from "../refusal-problems.ts";
import type { RouteContext, RoutedRequest } from "../route.ts";
import { okJson } from "./answers.ts";
import {
  accountId,
  amount,
  amountOrZero,
  detailFields,
  detailsOf,
  holdStatus,
  integerField,
  isId,
  list,
  members,
  party,
  SIDES_RULE,
} from "./fields.ts";
import { holdJson } from "./json.ts";
import { cursorOf, listName, listResponse, NOTHING, pageOf, pageParameters } from "./page.ts";
import { parseNoQuery, parseQuery } from "./query.ts";
import type { Operation } from "./submit.ts";

const creation = members({
  from: accountId,
  amount,
  to: party.nullish(),
  expires_in: integerField(1, bounds.hold_seconds_max).nullish(),
  ...detailFields,
})
  .refine(({ from, to }) => from !== to, { error: SIDES_RULE })
  .meta({ description: SIDES_RULE });

export const createHold: Operation<z.infer<typeof creation>> = {
  schema: creation,
  mayBeEmpty: false,
  notFound: null,
  commandOf: (body) => ({
    type: "hold",
    from: body.from,
    to: body.to ?? WORLD,
    amount: body.amount,
    expiresInSeconds: body.expires_in ?? bounds.hold_seconds_default,
    ...detailsOf(body),
  }),
};

const part = members({ from: accountId.nullish(), to: party, amount });

const CAPTURE_RULE = "must have either postings, or amount and to";

const capture = members({
  amount: amountOrZero.nullish(),
  to: party.nullish(),
  postings: list(part, bounds.transaction_postings_max).nullish(),
})
  .refine(({ amount: all, to, postings }) => !postings || ((all ?? null) === null && !to), {
    error: CAPTURE_RULE,
  })
  .meta({
    description: CAPTURE_RULE,
    anyOf: [
      { properties: { postings: { type: "null" } } },
      { properties: { amount: { type: "null" }, to: { type: "null" } } },
    ],
  });

export const captureHold: Operation<z.infer<typeof capture>> = {
  schema: capture,
  mayBeEmpty: true,
  notFound: HOLD_NOT_FOUND,
  commandOf: (body, hold) => ({
    type: "capture",
    hold,
    amount: body.amount ?? null,
    to: body.to ?? null,
    parts: body.postings?.map((posting) => ({ to: posting.to, amount: posting.amount })) ?? null,
  }),
  check: sidesOfCapture,
};

/** All that is captured goes from the hold's account to another one. */
async function sidesOfCapture(
  ledger: Ledger,
  { to, postings }: z.infer<typeof capture>,
  id: EventId,
): Promise<readonly FieldError[]> {
  if (!to && !postings) return [];
  const hold = await ledger.hold(id);
  if (hold === null) return [];
  const notItself = `must be another account than the hold's, ${hold.from}`;
  const errors: FieldError[] = to === hold.from ? [{ pointer: "#/to", detail: `to ${notItself}` }] : [];
  for (const [index, posting] of (postings ?? []).entries()) {
    const place = `postings/${index}`;
    if (posting.to === hold.from) {
      errors.push({ pointer: `#/${place}/to`, detail: `${place}/to ${notItself}` });
    }
    if (posting.from && posting.from !== hold.from) {
      const detail = `${place}/from must be the hold's account, ${hold.from}, or be left out`;
      errors.push({ pointer: `#/${place}/from`, detail });
    }
  }
  return errors;
}

const release = members({});

export const releaseHold: Operation<z.infer<typeof release>> = {
  schema: release,
  mayBeEmpty: true,
  notFound: HOLD_NOT_FOUND,
  commandOf: (_, hold) => ({ type: "release", hold }),
};

export async function getHold(
  { ledger }: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const query = parseNoQuery(request);
  if (!query.ok) return toResponse(query.problem);
  const id = request.params["id"] ?? "";
  const hold = isId(id) ? await ledger.hold(id) : null;
  if (hold === null || !isOwnHold(key.accounts, hold)) return toResponse(HOLD_NOT_FOUND);
  return okJson(holdJson(hold));
}

export const holdsQuery = z.strictObject({
  ...pageParameters,
  account: accountId.optional(),
  state: holdStatus.optional(),
});

export async function listHolds(
  { ledger }: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const query = parseQuery(holdsQuery, request);
  if (!query.ok) return toResponse(query.problem);
  const { account = null, state = null } = query.value;
  const filter = { idBeginning: key.accounts, account, state };
  const name = listName("holds", filter);
  const page = pageOf(name, query.value);
  if (!page.ok) return toResponse(page.problem);
  const isOwn = account === null || mayUse(key, account);
  const { items, next } = isOwn ? await ledger.holds(filter, page.value) : NOTHING;
  const cursor = next === null ? null : cursorOf(name, next);
  return listResponse("/v1/holds", request, items.map(holdJson), cursor);
}
