import { z } from "zod";
import { type AccessKey, mayUse } from "../../access/access-key.ts";
import { bounds } from "../../bounds.ts";
import { parseCursor } from "../../events/cursor.ts";
import type { After, CursorForeign, CursorGone, EventSource } from "../../events/event-source.ts";
import { EVENT_TYPES, type EventType } from "../../events/public-event.ts";
import { LedgerUnavailable } from "../../ledger/ledger.ts";
import { isPreferred } from "../accept.ts";
import { type FieldError, invalidFields, type Problem, toResponse } from "../problems.ts";
import { ACCOUNT_NOT_FOUND } from "../refusal-problems.ts";
import type { RouteContext, RoutedRequest } from "../route.ts";
import { accountId, integerRule } from "./fields.ts";
import { integerParameter, parsedText, parseQuery } from "./query.ts";

export const EVENTS_NEEDS = { all: ["events:read"] } as const;

const CURSOR_RULE = "must be a cursor that this ledger gave";
const AFTER_RULE = `${CURSOR_RULE}, or latest`;
const TYPES_RULE = `must be types of events with commas between them: ${EVENT_TYPES.join(", ")}`;

const ANY_TYPE = `(?:${EVENT_TYPES.map((type) => type.replace(".", "\\.")).join("|")})`;

export const eventsQuery = z.strictObject({
  account: accountId.optional(),
  type: parsedText(typesIn, TYPES_RULE, { type: "string", pattern: `^${ANY_TYPE}(?:,${ANY_TYPE})*$` })
    .optional()
    .meta({ description: `Only these types: ${TYPES_RULE}` }),
  after: parsedText(afterIn, AFTER_RULE, { type: "string" }).optional().meta({
    description:
      "What comes after this cursor, the `id` of an event of the stream or the `next` of a page; `latest`: only what comes from now on",
  }),
  limit: integerParameter(1, bounds.list_items_max)
    .optional()
    .meta({
      description: `Of a page: ${integerRule(1, bounds.list_items_max)}; ${bounds.list_items_default} if left out`,
    }),
  wait: integerParameter(0, bounds.event_wait_seconds_max)
    .optional()
    .meta({
      description: `Of a page: so many seconds it waits for the first event, where there is none. ${integerRule(0, bounds.event_wait_seconds_max)}; 0 if left out`,
    }),
});

/** Events as a stream, or page by page. */
export async function getEvents(
  context: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const query = parseQuery(eventsQuery, request);
  if (!query.ok) return toResponse(query.problem);
  const { account = null, type: types = null, after, limit, wait = 0 } = query.value;
  const seen = lastSeen(request.headers);
  if (seen === null) return toResponse(wrongCursor(LAST_EVENT_ID));
  const { events, ledger } = context;
  if (events === null) throw new LedgerUnavailable("this server tells no events", "none");
  if (account !== null && (!mayUse(key, account) || (await ledger.account(account)) === null))
    return toResponse(ACCOUNT_NOT_FOUND);
  const filter = { account, types, beginning: key.accounts };
  const from = seen ?? after ?? "first";
  const isStream = isPreferred("text/event-stream", "application/json", request.headers.get("accept") ?? "");
  // Bun leaves out the body of an answer to HEAD, and a stream would never be taken.
  if (isStream && request.method === "HEAD") return new Response(null, { headers: STREAM_HEADERS });
  if ((isStream || wait > 0) && events.isFull) return toResponse(TOO_MANY_READERS);
  const parameter = seen === undefined ? "after" : LAST_EVENT_ID;
  if (isStream) return streamOf(context, events, request, filter, from, parameter);
  const follow = wait > 0 ? context.keyWatch.follow(request, EVENTS_NEEDS) : null;
  const signal = follow?.signal ?? request.signal;
  const count = limit ?? bounds.list_items_default;
  const page = await events.page(filter, from, count, wait * 1000, signal).finally(() => follow?.stop());
  if (page.type !== "page") return toResponse(cursorProblem(page, parameter));
  const data = page.events.map(({ json }) => json);
  return new Response(`{"data":[${data.join(",")}],"next":"${page.next}"}`, { headers: PAGE_HEADERS });
}

async function streamOf(
  { keyWatch }: RouteContext,
  events: EventSource,
  request: Request,
  filter: Parameters<EventSource["stream"]>[0],
  from: After,
  parameter: string,
): Promise<Response> {
  const follow = keyWatch.follow(request, EVENTS_NEEDS);
  let isOpen = false;
  try {
    const stream = await events.stream(filter, from, follow.signal, () => follow.stop());
    if ("type" in stream) return toResponse(cursorProblem(stream, parameter));
    isOpen = true;
    return new Response(stream, { headers: STREAM_HEADERS });
  } finally {
    if (!isOpen) follow.stop();
  }
}

const NOT_STORED = { "cache-control": "no-store", vary: "accept" };
const PAGE_HEADERS = { "content-type": "application/json", ...NOT_STORED };
/** Proxies that collect answers before they send them on are told not to. */
const STREAM_HEADERS = { "content-type": "text/event-stream", "x-accel-buffering": "no", ...NOT_STORED };

const LAST_EVENT_ID = "Last-Event-ID";

const TOO_MANY_READERS: Problem = {
  name: "too-many-requests",
  detail:
    "Ask again after the time in Retry-After, or for pages without wait: as many follow the events of this server as may.",
  headers: {
    "retry-after": "5",
    "ratelimit-policy": `"readers";q=${bounds.event_readers_max};w=5`,
    ratelimit: '"readers";r=0;t=5',
  },
};

/** @returns `undefined` if there is none, `null` if it is no cursor */
function lastSeen(headers: Headers): After | undefined | null {
  const text = headers.get(LAST_EVENT_ID);
  return text === null || text === "" ? undefined : parseCursor(text);
}

function cursorProblem(problem: CursorGone | CursorForeign, parameter: string): Problem {
  if (problem.type === "foreign") return wrongCursor(parameter);
  return {
    name: "cursor-gone",
    detail:
      `Read the accounts anew, then go on with after=latest, or without a cursor from the beginning: what ${parameter} ` +
      `says was read is not in the journal of shard ${problem.shard}, which was put back to an older state.`,
    members: { shard: problem.shard },
  };
}

function wrongCursor(parameter: string): Problem {
  const error: FieldError = {
    parameter,
    detail: `${parameter} ${parameter === LAST_EVENT_ID ? CURSOR_RULE : AFTER_RULE}`,
  };
  return invalidFields([error]);
}

function afterIn(text: string): After | null {
  return text === "latest" ? text : parseCursor(text);
}

function typesIn(text: string): ReadonlySet<EventType> | null {
  const types = new Set<EventType>();
  for (const name of text.split(",")) {
    const type = EVENT_TYPES.find((one) => one === name);
    if (type === undefined) return null;
    types.add(type);
  }
  return types;
}
