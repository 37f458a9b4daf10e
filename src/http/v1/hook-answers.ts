import { z } from "zod";
import type { AccessKey } from "../../access/access-key.ts";
import { bounds } from "../../bounds.ts";
import type {
  Crossing,
  Delivery,
  HookAnswer,
  HookChange,
  HookOutcome,
  HookOwner,
  HookStore,
  Watch,
  Webhook,
} from "../../hooks/hook-store.ts";
import type { Micros } from "../../ledger/account.ts";
import { LedgerUnavailable } from "../../ledger/ledger.ts";
import { readJson } from "../body.ts";
import { isKey, type Parsed, parseCommandId } from "../parse.ts";
import { invalidFields, type Problem, PROBLEMS, problemJson, toResponse } from "../problems.ts";
import { REPLAYED } from "../refusal-problems.ts";
import type { RouteContext, RoutedRequest } from "../route.ts";
import { timestamp } from "../timestamp.ts";
import { isId, parseFields } from "./fields.ts";
import { parseNoQuery } from "./query.ts";

/** What the routes of webhooks and watches have in common. */

export const WEBHOOK_NOT_FOUND: Problem = {
  name: "webhook-not-found",
  detail: "Use the id of a webhook that there is.",
};

export const WATCH_NOT_FOUND: Problem = {
  name: "watch-not-found",
  detail: "Use the id of a watch that there is.",
};

/** @throws LedgerUnavailable if this server has none */
export function hooksOf({ hooks }: RouteContext): HookStore {
  if (hooks === null) throw new LedgerUnavailable("this server has no webhooks", "none");
  return hooks;
}

export function ownerOf(key: AccessKey): HookOwner {
  return { name: key.name, beginning: key.accounts };
}

/** Answers a request that changes webhooks or watches. */
export async function submitChange<Body>(
  context: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
  schema: z.ZodType<Body>,
  changeOf: (body: Body, id: string) => Parsed<HookChange>,
  status: number,
): Promise<Response> {
  const json = await readJson(request, bounds.body_bytes_max, {});
  if (!json.ok) return toResponse(json.problem);
  const query = parseNoQuery(request);
  if (!query.ok) return toResponse(query.problem);
  const body = parseFields(schema, json.value);
  if (!body.ok) return toResponse(body.problem);
  const { id: pathId } = request.params;
  const change = changeOf(body.value, pathId ?? "");
  if (!change.ok) return toResponse(change.problem);
  const id = parseCommandId(request, undefined);
  if (!id.ok) return toResponse(id.problem);
  if (pathId !== undefined && !isId(pathId)) return toResponse(WEBHOOK_NOT_FOUND);
  const header = request.headers.get("idempotency-key");
  const submitted = await hooksOf(context).submit(change.value, {
    owner: ownerOf(key),
    key: header !== null && isKey(header) ? header : null,
    answerOf: (outcome) => answerOf(change.value.type, outcome, status),
  });
  if (submitted.type === "key-reused") return toResponse(KEY_REUSED);
  const isProblem = submitted.status >= 400;
  const created = submitted.status === 201 ? idIn(submitted.body) : null;
  const path = change.value.type === "create-watch" ? "/v1/watches" : "/v1/webhooks";
  return new Response(submitted.body, {
    status: submitted.status,
    headers: {
      "content-type": isProblem ? "application/problem+json" : "application/json",
      ...(created === null ? {} : { location: `${path}/${created}` }),
      ...(submitted.replayed ? REPLAYED : {}),
    },
  });
}

const KEY_REUSED: Problem = {
  name: "idempotency-key-reused",
  detail: "Use a new Idempotency-Key for a new request: this one was sent with other content.",
};

const withId = z.object({ id: z.string() });

function idIn(body: string): string {
  return withId.parse(JSON.parse(body)).id;
}

function answerOf(change: HookChange["type"], outcome: HookOutcome, status: number): HookAnswer {
  switch (outcome.type) {
    case "webhook": {
      const { webhook, secret } = outcome;
      const isTold = change === "create-webhook" || change === "rotate-secret";
      return { status, body: JSON.stringify({ ...webhookJson(webhook), ...(isTold ? { secret } : {}) }) };
    }
    case "watch":
      return { status, body: JSON.stringify(watchJson(outcome.watch)) };
    case "not-found":
      return problemAnswer(WEBHOOK_NOT_FOUND);
    case "wrong-field": {
      const { field, rule } = outcome;
      return problemAnswer(invalidFields([{ pointer: `#/${field}`, detail: `${field} ${rule}` }]));
    }
    case "cursor-gone":
      return problemAnswer(cursorGone(outcome.shard));
    case "too-many": {
      const { what, max } = outcome;
      const detail = `this access key has ${max} ${what}, and can have no more: delete some first`;
      return problemAnswer(invalidFields([{ pointer: "#", detail }]));
    }
  }
}

function cursorGone(shard: number): Problem {
  return {
    name: "cursor-gone",
    detail:
      "Read what you need anew, then go on from now or from the beginning: what this cursor had read is not in the ledger any more.",
    members: { shard },
  };
}

function problemAnswer(problem: Problem): HookAnswer {
  return { status: PROBLEMS[problem.name].status, body: JSON.stringify(problemJson(problem)) };
}

export function webhookJson(webhook: Webhook): object {
  const { id, url, types, accounts, state, reason, failingSince, deliveredUntil, backlog, createdAt } =
    webhook;
  return {
    id,
    url,
    types,
    accounts,
    state,
    reason,
    failing_since: timeJson(failingSince),
    delivered_until: deliveredUntil,
    backlog,
    created_at: timestamp(createdAt),
  };
}

export function deliveryJson({ event, type, state, attempts, nextAttemptAt }: Delivery): object {
  return {
    event,
    type,
    state,
    attempts: attempts.map(({ at, status, error, milliseconds }) => ({
      at: timestamp(at),
      status,
      error,
      ms: milliseconds,
    })),
    next_attempt_at: timeJson(nextAttemptAt),
  };
}

export function watchJson({ id, account, prefix, availableLessThan, createdAt, armed }: Watch): object {
  return {
    id,
    account,
    prefix,
    available_lt: availableLessThan,
    created_at: timestamp(createdAt),
    armed,
  };
}

export function crossingJson({ event, at, account }: Crossing): object {
  return { event, at, account: JSON.parse(account) };
}

function timeJson(time: Micros | null): string | null {
  return time === null ? null : timestamp(time);
}
