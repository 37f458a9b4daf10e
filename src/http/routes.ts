import { CONTEST_UNIT, type AccountId } from "../ledger/account.ts";
import type { CommandId } from "../ledger/command.ts";
import { type Ledger, LedgerUnavailable, type Outcome, type Readiness } from "../ledger/ledger.ts";
import { readJson } from "./body.ts";
import type { EndedRequests } from "./ended-requests.ts";
import {
  type Parsed,
  parseAccountId,
  parseChangeLimit,
  parseCommandId,
  parseHistoryQuery,
  parseOpen,
  parseTransaction,
} from "./parse.ts";
import { ACCOUNT_NOT_FOUND, type Problem, problemOf, toResponse } from "./problems.ts";
import {
  accountJson,
  historyJson,
  nextPage,
  pathOf,
  statementJson,
  transactionJson,
} from "./response-json.ts";

export type Handler = (request: RoutedRequest) => Promise<Response> | Response;
export type RoutedRequest = Request & { readonly params: Readonly<Record<string, string>> };
type Methods = Readonly<Partial<Record<"GET" | "POST" | "PATCH", Handler>>>;

// Shared by all answers: Bun copies it, and making one for each answer would cost more than the rest of the answer.
const JSON_INIT: ResponseInit = { headers: { "content-type": "application/json" } };
const REPLAYED_INIT: ResponseInit = {
  headers: { "content-type": "application/json", "idempotency-replayed": "true" },
};

/** What the handlers of the routes need. */
export interface RouteContext {
  readonly ledger: Ledger;
  /** The readiness of the whole server, which includes the ledger's. */
  readonly readiness: () => Readiness;
  readonly ended: EndedRequests;
  /** See HttpOptions. */
  readonly requestIdHeader: string | undefined;
}

/** Every route of the API with its methods. */
export function routesOf(context: RouteContext): Record<string, Methods> {
  return {
    "/clientes/:id/transacoes": {
      POST: (request) => postTransaction(context, request),
      GET: (request) => getHistory(context, request),
    },
    "/clientes/:id/extrato": { GET: (request) => getStatement(context, request) },
    "/clientes": { POST: (request) => postAccount(context, request) },
    "/clientes/:id": {
      GET: (request) => getAccount(context, request),
      PATCH: (request) => patchAccount(context, request),
    },
    "/livez": { GET: () => ok('{"status":"alive"}') },
    "/readyz": {
      GET: () => {
        const state = context.readiness();
        if (state.ready) return ok('{"status":"ready"}');
        return toResponse({
          name: "not-ready",
          detail: `Send requests to another instance: ${state.reason}.`,
        });
      },
    },
  };
}

async function postTransaction(context: RouteContext, request: RoutedRequest): Promise<Response> {
  const account = parseAccountId(request.params["id"] ?? "");
  if (account === null) return toResponse(ACCOUNT_NOT_FOUND);
  const parsed = await readCommand(context, request, parseTransaction);
  if (!parsed.ok) return refuseFor(context.ledger, account, parsed.problem);

  const { id, body } = parsed.value;
  const { kind, valor, descricao } = body;
  const command = { type: "transact", id, account, kind, value: valor, description: descricao } as const;
  const outcome = await context.ledger.submit(command, context.ended.watch(request));
  if (outcome.type === "refused") return refusal(outcome);
  return ok(transactionJson(outcome.account), outcome.replayed);
}

async function postAccount(context: RouteContext, request: RoutedRequest): Promise<Response> {
  const parsed = await readCommand(context, request, parseOpen);
  if (!parsed.ok) return toResponse(parsed.problem);

  const { id, body } = parsed.value;
  const { limite, nome } = body;
  const command = { type: "open", id, unit: CONTEST_UNIT, creditLimit: limite, name: nome } as const;
  const outcome = await context.ledger.submit(command, context.ended.watch(request));
  if (outcome.type === "refused") return refusal(outcome);
  const headers = { location: pathOf(outcome.account.id), "content-type": "application/json" };
  const replayed = outcome.replayed ? { "idempotency-replayed": "true" } : {};
  return new Response(accountJson({ ...outcome.account, name: body.nome }), {
    status: 201,
    headers: { ...headers, ...replayed },
  });
}

async function patchAccount(context: RouteContext, request: RoutedRequest): Promise<Response> {
  const account = parseAccountId(request.params["id"] ?? "");
  if (account === null) return toResponse(ACCOUNT_NOT_FOUND);
  const parsed = await readCommand(context, request, parseChangeLimit);
  if (!parsed.ok) return refuseFor(context.ledger, account, parsed.problem);

  const { id, body } = parsed.value;
  const command = { type: "change-limit", id, account, creditLimit: body } as const;
  const outcome = await context.ledger.submit(command, context.ended.watch(request));
  if (outcome.type === "refused") return refusal(outcome);
  const name = await nameAfterChange(context.ledger, account);
  return ok(accountJson({ ...outcome.account, name }), outcome.replayed);
}

/**
 * An account's name never changes, so it may be read after the limit was changed.
 *
 * @throws LedgerUnavailable with outcome `unknown`: the read failed, but the limit was already changed
 */
async function nameAfterChange(ledger: Ledger, id: AccountId): Promise<string | null> {
  try {
    return (await ledger.account(id))?.name ?? null;
  } catch (error) {
    if (!(error instanceof LedgerUnavailable)) throw error;
    throw new LedgerUnavailable(error.message, "unknown", { cause: error });
  }
}

async function getAccount({ ledger }: RouteContext, request: RoutedRequest): Promise<Response> {
  const id = parseAccountId(request.params["id"] ?? "");
  const account = id === null ? null : await ledger.account(id);
  return account === null ? toResponse(ACCOUNT_NOT_FOUND) : ok(accountJson(account));
}

async function getStatement({ ledger }: RouteContext, request: RoutedRequest): Promise<Response> {
  const id = parseAccountId(request.params["id"] ?? "");
  const statement = id === null ? null : await ledger.statement(id);
  return statement === null ? toResponse(ACCOUNT_NOT_FOUND) : ok(statementJson(statement));
}

async function getHistory({ ledger }: RouteContext, request: RoutedRequest): Promise<Response> {
  const id = parseAccountId(request.params["id"] ?? "");
  if (id === null) return toResponse(ACCOUNT_NOT_FOUND);
  const page = parseHistoryQuery(queryOf(request));
  if (!page.ok) return refuseFor(ledger, id, page.problem);

  const entries = await ledger.history(id, page.value);
  if (entries === null) return toResponse(ACCOUNT_NOT_FOUND);
  const next = nextPage(id, page.value, entries);
  if (next === null) return ok(historyJson(entries));
  const headers = { "content-type": "application/json", link: `<${next}>; rel="next"` };
  return new Response(historyJson(entries), { headers });
}

/** The id and the body of a request that changes something. */
async function readCommand<T>(
  { requestIdHeader }: RouteContext,
  request: Request,
  parseBody: (json: unknown) => Parsed<T>,
): Promise<Parsed<{ readonly id: CommandId; readonly body: T }>> {
  const stamp = requestIdHeader === undefined ? null : request.headers.get(requestIdHeader);
  const id = parseCommandId(request.headers.get("idempotency-key"), stamp);
  if (!id.ok) return id;
  const json = await readJson(request);
  if (!json.ok) return json;
  const body = parseBody(json.value);
  if (!body.ok) return body;
  return { ok: true, value: { id: id.value, body: body.value } };
}

/** Answers with a problem of the request, unless the account does not exist: that error comes before all others. */
async function refuseFor(ledger: Ledger, account: AccountId, problem: Problem): Promise<Response> {
  return toResponse((await ledger.account(account)) === null ? ACCOUNT_NOT_FOUND : problem);
}

function refusal(outcome: Extract<Outcome, { type: "refused" }>): Response {
  const problem = problemOf(outcome.refusal);
  return toResponse(outcome.replayed ? { ...problem, headers: { "idempotency-replayed": "true" } } : problem);
}

function ok(body: string, replayed = false): Response {
  return new Response(body, replayed ? REPLAYED_INIT : JSON_INIT);
}

/** Without `new URL`, which fails if a request has no Host header: its URL is then only a path. */
function queryOf(request: Request): URLSearchParams {
  const start = request.url.indexOf("?");
  return new URLSearchParams(start === -1 ? "" : request.url.slice(start + 1));
}
