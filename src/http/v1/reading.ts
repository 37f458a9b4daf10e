import { z } from "zod";
import { type AccessKey, mayUse } from "../../access/access-key.ts";
import { isAccountId } from "../../ledger/account-id.ts";
import type { AccountId, Micros } from "../../ledger/account.ts";
import type { KeptEntry } from "../../ledger/entry.ts";
import type { BalanceAt, EntriesPage, Ledger } from "../../ledger/ledger.ts";
import { isOwnParty } from "../../ledger/own-accounts.ts";
import { isPreferred } from "../accept.ts";
import { toResponse } from "../problems.ts";
import { ACCOUNT_NOT_FOUND } from "../refusal-problems.ts";
import type { RouteContext, RoutedRequest } from "../route.ts";
import { timestamp } from "../timestamp.ts";
import { okJson } from "./answers.ts";
import { csvOf } from "./csv.ts";
import { oneOf } from "./fields.ts";
import { accountPath, type EntryJson, entryJson, unitJson } from "./json.ts";
import { cursorOf, linkTo, listName, pageOf, pageParameters } from "./page.ts";
import { parseNoQuery, parseQuery, timeParameter } from "./query.ts";

export const entriesQuery = z.strictObject({
  ...pageParameters,
  from: timeParameter.optional(),
  to: timeParameter.optional(),
  order: oneOf(["asc", "desc"], 'must be "asc" or "desc"').optional(),
});

/** A page goes on at a seq. */
const SEQ_FORM = /^[1-9]\d{0,14}$/;

export async function listEntries(
  { ledger }: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const query = parseQuery(entriesQuery, request);
  if (!query.ok) return toResponse(query.problem);
  const id = request.params["id"] ?? "";
  const { from: fromTime = null, to: beforeTime = null, order = "desc" } = query.value;
  const list = listName("entries", { id, fromTime, beforeTime, order });
  const page = pageOf(list, query.value, SEQ_FORM);
  if (!page.ok) return toResponse(page.problem);
  const { count, after } = page.value;
  const seq = after === null ? null : Number(after);
  const bound = order === "asc" ? { from: seq, before: null } : { from: null, before: seq };
  // One more than is shown tells whether there is a next page.
  const asked: EntriesPage = { count: count + 1, order, ...bound, fromTime, beforeTime };
  const found = isAccountId(id) && mayUse(key, id) ? await ledger.entries(id, asked) : null;
  if (found === null) return toResponse(ACCOUNT_NOT_FOUND);
  const entries = found.slice(0, count);
  const cursor = found.length > count ? cursorOf(list, nextSeq(entries, order)) : null;
  const rows = entries.map((entry) => entryJson(entry, isOwnParty(key.accounts, entry.counterparty)));
  return entriesResponse(accountPath(id), request, rows, cursor);
}

/** Where the next page begins (`asc`), or what it ends before (`desc`). */
function nextSeq(entries: readonly KeptEntry[], order: "asc" | "desc"): string {
  const last = entries.at(-1)?.seq ?? 0;
  return String(order === "asc" ? last + 1 : last);
}

const CSV_COLUMNS = [
  "seq",
  "amount",
  "balance",
  "counterparty",
  "transaction",
  "description",
  "reference",
  "created_at",
] as const;

function entriesResponse(
  path: string,
  request: Request,
  rows: readonly EntryJson[],
  cursor: string | null,
): Response {
  const link = linkTo(`${path}/entries`, request, cursor);
  const wantsCsv = isPreferred("text/csv", "application/json", request.headers.get("accept") ?? "");
  const type = wantsCsv ? "text/csv; charset=utf-8; header=present" : "application/json";
  const body = wantsCsv ? csvOf(CSV_COLUMNS, rows) : JSON.stringify({ data: rows, next: cursor });
  return new Response(body, { headers: { "content-type": type, vary: "accept", ...link } });
}

export const balanceQuery = z.strictObject({ at: timeParameter.optional() });

export async function getBalance(
  { ledger }: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const query = parseQuery(balanceQuery, request);
  if (!query.ok) return toResponse(query.problem);
  const id = request.params["id"] ?? "";
  const found =
    isAccountId(id) && mayUse(key, id) ? await balanceAt(ledger, id, query.value.at ?? null) : null;
  if (found === null) return toResponse(ACCOUNT_NOT_FOUND);
  const { unit, balance, seq, at } = found;
  return okJson(JSON.stringify({ id, unit, balance, seq, at: timestamp(at) }));
}

/** Of now it is the account itself, which shows every answer there was; the books may be a moment behind. */
async function balanceAt(
  ledger: Ledger,
  id: AccountId,
  asked: Micros | null,
): Promise<(BalanceAt & { readonly at: Micros }) | null> {
  const now = Date.now() * 1000;
  if (asked !== null && asked <= now) {
    const then = await ledger.balanceAt(id, asked);
    return then === null ? null : { ...then, at: asked };
  }
  const account = await ledger.account(id);
  return account === null ? null : { ...account, at: Math.max(now, account.time) };
}

export async function getTotals({ ledger }: RouteContext, request: RoutedRequest): Promise<Response> {
  const query = parseNoQuery(request);
  if (!query.ok) return toResponse(query.problem);
  const { accounts, transactions, units, lagMilliseconds, shardsAway } = await ledger.totals();
  const totals = {
    accounts,
    transactions,
    units: units.map(unitJson),
    books: { lag_ms: lagMilliseconds, shards_away: shardsAway },
  };
  return okJson(JSON.stringify(totals));
}
