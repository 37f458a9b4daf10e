import { type AccessKey, mayUse } from "../access/access-key.ts";
import { bounds } from "../bounds.ts";
import type { AccountId } from "../ledger/account.ts";
import { isAccountId } from "../ledger/account-id.ts";
import type { CommandId } from "../ledger/command.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { readJson } from "./body.ts";
import { type Parsed, parseCommandId, parseTransaction, type TransactionBody } from "./parse.ts";
import { type Problem, toResponse } from "./problems.ts";
import { ACCOUNT_NOT_FOUND, problemOf, REPLAYED } from "./refusal-problems.ts";
import { statementJson, transactionJson } from "./response-json.ts";
import type { RouteContext, RoutedRequest, Routes } from "./route.ts";
import { cameWith } from "./v1/submit.ts";

// Shared by all answers: Bun copies it, and making one for each answer would cost more than the rest of the answer.
const JSON_INIT: ResponseInit = { headers: { "content-type": "application/json" } };
const REPLAYED_INIT: ResponseInit = { headers: { "content-type": "application/json", ...REPLAYED } };

/** The two routes of the contest, each with what an access key needs for it. */
export const CONTEST_ROUTES: Routes = {
  "/clientes/:id/transacoes": {
    // Money comes from the outside, and goes there.
    POST: { needs: { all: ["transactions:write", "world:write"] }, handle: postTransaction },
  },
  "/clientes/:id/extrato": {
    GET: { needs: { all: ["accounts:read"] }, handle: getStatement },
  },
};

async function postTransaction(
  context: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const account = request.params["id"] ?? "";
  if (!isAccountId(account) || !mayUse(key, account)) return toResponse(ACCOUNT_NOT_FOUND);
  const parsed = await readCommand(context, request);
  if (!parsed.ok) return refuseFor(context.ledger, account, parsed.problem);

  const { id, body } = parsed.value;
  const { kind, valor, descricao } = body;
  const command = { type: "transact", id, account, kind, value: valor, description: descricao } as const;
  const outcome = await context.ledger.submit(cameWith(key, command), context.ended.watch(request));
  context.counters.decided(command.type, outcome);
  if (outcome.type === "refused") {
    const problem = problemOf(outcome);
    return toResponse(outcome.replayed ? { ...problem, headers: REPLAYED } : problem);
  }
  if (outcome.result.type !== "entry") throw new Error(`a transaction became a ${outcome.result.type}`);
  return ok(transactionJson(outcome.result.account), outcome.replayed);
}

async function getStatement(
  { ledger }: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const id = request.params["id"] ?? "";
  const statement = isAccountId(id) && mayUse(key, id) ? await ledger.statement(id) : null;
  return statement === null ? toResponse(ACCOUNT_NOT_FOUND) : ok(statementJson(statement));
}

async function readCommand(
  { requestIdHeader }: RouteContext,
  request: Request,
): Promise<Parsed<{ readonly id: CommandId; readonly body: TransactionBody }>> {
  const id = parseCommandId(request, requestIdHeader);
  if (!id.ok) return id;
  const json = await readJson(request, bounds.contest_body_bytes_max);
  if (!json.ok) return json;
  const body = parseTransaction(json.value);
  if (!body.ok) return body;
  return { ok: true, value: { id: id.value, body: body.value } };
}

/** Answers with a problem of the request, unless the account does not exist: that error comes before all others. */
async function refuseFor(ledger: Ledger, account: AccountId, problem: Problem): Promise<Response> {
  return toResponse((await ledger.account(account)) === null ? ACCOUNT_NOT_FOUND : problem);
}

function ok(body: string, replayed = false): Response {
  return new Response(body, replayed ? REPLAYED_INIT : JSON_INIT);
}
