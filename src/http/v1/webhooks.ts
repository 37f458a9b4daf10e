import { z } from "zod";
import type { AccessKey } from "../../access/access-key.ts";
import { bounds } from "../../bounds.ts";
import { EVENT_TYPES } from "../../events/public-event.ts";
import type { HookChange, WebhookContent } from "../../hooks/hook-store.ts";
import { isAccountId } from "../../ledger/account-id.ts";
import type { Parsed } from "../parse.ts";
import { invalidFields, toResponse } from "../problems.ts";
import { ACCOUNT_NOT_FOUND } from "../refusal-problems.ts";
import type { Handler, RouteContext, RoutedRequest } from "../route.ts";
import { parseTimestamp, RFC_3339, TIMESTAMP_RULE } from "../timestamp.ts";
import { okJson } from "./answers.ts";
import { isId, list, members, oneOf, textField } from "./fields.ts";
import {
  deliveryJson,
  hooksOf,
  ownerOf,
  submitChange,
  WEBHOOK_NOT_FOUND,
  webhookJson,
} from "./hook-answers.ts";
import { cursorOf, listName, listResponse, pageOf, pageParameters } from "./page.ts";
import { parseNoQuery, parseQuery } from "./query.ts";

/** What may be sent: the events of /v1/events, and that a watch was crossed. */
export const SENT_TYPES = [...EVENT_TYPES, "watch.crossed"] as const;

/** What parsers of URLs leave out, or read as something else, in silence. */
const URL_PATTERN = "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\ud800-\\udfff]+$";
const URL_FORM = new RegExp(URL_PATTERN, "u");

const url = textField(
  (text) => text.length <= bounds.webhook_url_characters_max && URL_FORM.test(text),
  `must be a URL of up to ${bounds.webhook_url_characters_max} characters, without blanks and control characters`,
  { minLength: 1, maxLength: bounds.webhook_url_characters_max, format: "uri", pattern: URL_PATTERN },
);
const types = list(oneOf(SENT_TYPES, `must be one of ${SENT_TYPES.join(", ")}`), SENT_TYPES.length);
const accountName = textField(
  (text) => isAccountId(text.endsWith("*") && text.length > 1 ? text.slice(0, -1) : text),
  "must be the id of an account, or the beginning of ids with a * behind",
  { pattern: "^[A-Za-z0-9._:{}-]{1,64}\\*?$" },
);
const accounts = list(accountName, bounds.webhook_accounts_max);

export const newWebhook = members({ url, types: types.nullish(), accounts: accounts.nullish() });

export const webhookChange = members({
  url: url.optional(),
  types: types.nullable().optional(),
  accounts: accounts.nullable().optional(),
  state: oneOf(["active", "paused"], 'must be "active" or "paused"').optional(),
});

const cursor = textField((text) => text.length <= 2_000, "must be a cursor", {
  minLength: 1,
  maxLength: 2_000,
});
const time = textField((text) => parseTimestamp(text) !== null, TIMESTAMP_RULE, {
  format: "date-time",
  pattern: RFC_3339.source,
});

export const replay = members({ after: cursor.optional(), from: time.optional() });
export const noFields = members({});

/** What names accounts that are not for the key names accounts that are not there. */
function withinKey(key: AccessKey, names: readonly string[] | null | undefined): boolean {
  return (names ?? []).every((name) => name.startsWith(key.accounts));
}

export const createWebhook: Handler = (context, request, key) =>
  submitChange(
    context,
    request,
    key,
    newWebhook,
    (body): Parsed<HookChange> => {
      if (!withinKey(key, body.accounts)) return { ok: false, problem: ACCOUNT_NOT_FOUND };
      const content = { url: body.url, types: body.types ?? null, accounts: body.accounts ?? null };
      return { ok: true, value: { type: "create-webhook", content } };
    },
    201,
  );

export const changeWebhook: Handler = (context, request, key) =>
  submitChange(
    context,
    request,
    key,
    webhookChange,
    (body, id): Parsed<HookChange> => {
      if (!withinKey(key, body.accounts)) return { ok: false, problem: ACCOUNT_NOT_FOUND };
      const content: Partial<WebhookContent> = {
        ...(body.url === undefined ? {} : { url: body.url }),
        ...(body.types === undefined ? {} : { types: body.types }),
        ...(body.accounts === undefined ? {} : { accounts: body.accounts }),
      };
      return { ok: true, value: { type: "change-webhook", id, content, state: body.state ?? null } };
    },
    200,
  );

export const rotateSecret: Handler = (context, request, key) =>
  submitChange(
    context,
    request,
    key,
    noFields,
    (_, id): Parsed<HookChange> => ({ ok: true, value: { type: "rotate-secret", id } }),
    200,
  );

export const replayWebhook: Handler = (context, request, key) =>
  submitChange(
    context,
    request,
    key,
    replay,
    ({ after, from }, id): Parsed<HookChange> => {
      const since = from === undefined ? null : parseTimestamp(from);
      if (after !== undefined && since === null)
        return { ok: true, value: { type: "replay", id, from: { type: "after", cursor: after } } };
      if (after === undefined && since !== null)
        return { ok: true, value: { type: "replay", id, from: { type: "from", time: since } } };
      const detail = "the body must have one of after (a cursor) and from (a time)";
      return { ok: false, problem: invalidFields([{ pointer: "#", detail }]) };
    },
    202,
  );

export const webhooksQuery = z.strictObject({ ...pageParameters });

export async function listWebhooks(
  context: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const query = parseQuery(webhooksQuery, request);
  if (!query.ok) return toResponse(query.problem);
  const name = listName("webhooks", {});
  const page = pageOf(name, query.value);
  if (!page.ok) return toResponse(page.problem);
  const { items, next } = await hooksOf(context).webhooks(ownerOf(key), page.value);
  const data = items.map((webhook) => JSON.stringify(webhookJson(webhook)));
  return listResponse("/v1/webhooks", request, data, next === null ? null : cursorOf(name, next));
}

export async function getWebhook(
  context: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const query = parseNoQuery(request);
  if (!query.ok) return toResponse(query.problem);
  const id = request.params["id"] ?? "";
  const webhook = isId(id) ? await hooksOf(context).webhook(ownerOf(key), id) : null;
  return webhook === null ? toResponse(WEBHOOK_NOT_FOUND) : okJson(JSON.stringify(webhookJson(webhook)));
}

export async function deleteWebhook(
  context: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const query = parseNoQuery(request);
  if (!query.ok) return toResponse(query.problem);
  const id = request.params["id"] ?? "";
  const wasThere = isId(id) && (await hooksOf(context).deleteWebhook(ownerOf(key), id));
  return wasThere ? new Response(null, { status: 204 }) : toResponse(WEBHOOK_NOT_FOUND);
}

export const deliveriesQuery = z.strictObject({
  ...pageParameters,
  state: oneOf(["waiting", "delivered", "parked"], 'must be "waiting", "delivered" or "parked"').optional(),
});

/** Numbers that tell a place, and which account crossed which watch. */
const PLACE = /^\d{1,16}\.\d{1,4}\.\d{1,5}\.[A-Za-z0-9._:{} -]{0,200}$/;

export async function listDeliveries(
  context: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const query = parseQuery(deliveriesQuery, request);
  if (!query.ok) return toResponse(query.problem);
  const id = request.params["id"] ?? "";
  const { state = null } = query.value;
  const name = listName("deliveries", { id, state });
  const page = pageOf(name, query.value, PLACE);
  if (!page.ok) return toResponse(page.problem);
  const found = isId(id) ? await hooksOf(context).deliveries(ownerOf(key), id, state, page.value) : null;
  if (found === null) return toResponse(WEBHOOK_NOT_FOUND);
  const data = found.items.map((delivery) => JSON.stringify(deliveryJson(delivery)));
  const next = found.next === null ? null : cursorOf(name, found.next);
  return listResponse(`/v1/webhooks/${encodeURIComponent(id)}/deliveries`, request, data, next);
}
