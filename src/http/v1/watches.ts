import { z } from "zod";
import { type AccessKey, mayUse } from "../../access/access-key.ts";
import type { HookChange } from "../../hooks/hook-store.ts";
import type { Parsed } from "../parse.ts";
import { invalidFields, toResponse } from "../problems.ts";
import { ACCOUNT_NOT_FOUND } from "../refusal-problems.ts";
import type { Handler, RouteContext, RoutedRequest } from "../route.ts";
import { okJson } from "./answers.ts";
import { accountId, anyAmount, idBeginning, isId, members } from "./fields.ts";
import { crossingJson, hooksOf, ownerOf, submitChange, WATCH_NOT_FOUND, watchJson } from "./hook-answers.ts";
import { cursorOf, listName, listResponse, pageOf, pageParameters } from "./page.ts";
import { parseNoQuery, parseQuery } from "./query.ts";

export const newWatch = members({
  account: accountId.nullish(),
  prefix: idBeginning.nullish(),
  available_lt: anyAmount,
});

export const createWatch: Handler = (context, request, key) =>
  submitChange(
    context,
    request,
    key,
    newWatch,
    ({ account = null, prefix = null, available_lt: availableLessThan }): Parsed<HookChange> => {
      if ((account === null) === (prefix === null)) {
        const detail = "the body must have one of account and prefix";
        return { ok: false, problem: invalidFields([{ pointer: "#", detail }]) };
      }
      if (!mayUse(key, account ?? prefix ?? "")) return { ok: false, problem: ACCOUNT_NOT_FOUND };
      return { ok: true, value: { type: "create-watch", content: { account, prefix, availableLessThan } } };
    },
    201,
  );

export const watchesQuery = z.strictObject({ ...pageParameters });

export async function listWatches(
  context: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const query = parseQuery(watchesQuery, request);
  if (!query.ok) return toResponse(query.problem);
  const name = listName("watches", {});
  const page = pageOf(name, query.value);
  if (!page.ok) return toResponse(page.problem);
  const { items, next } = await hooksOf(context).watches(ownerOf(key), page.value);
  const data = items.map((watch) => JSON.stringify(watchJson(watch)));
  return listResponse("/v1/watches", request, data, next === null ? null : cursorOf(name, next));
}

export async function getWatch(
  context: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const query = parseNoQuery(request);
  if (!query.ok) return toResponse(query.problem);
  const id = request.params["id"] ?? "";
  const watch = isId(id) ? await hooksOf(context).watch(ownerOf(key), id) : null;
  return watch === null ? toResponse(WATCH_NOT_FOUND) : okJson(JSON.stringify(watchJson(watch)));
}

export async function deleteWatch(
  context: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const query = parseNoQuery(request);
  if (!query.ok) return toResponse(query.problem);
  const id = request.params["id"] ?? "";
  const wasThere = isId(id) && (await hooksOf(context).deleteWatch(ownerOf(key), id));
  return wasThere ? new Response(null, { status: 204 }) : toResponse(WATCH_NOT_FOUND);
}

export const crossingsQuery = z.strictObject({ ...pageParameters });

/** Numbers that tell a place, and an account. */
const PLACE = /^\d{1,16}\.\d{1,4}\.\d{1,5}\.[A-Za-z0-9._:{}-]{1,64}$/;

export async function listCrossings(
  context: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
): Promise<Response> {
  const query = parseQuery(crossingsQuery, request);
  if (!query.ok) return toResponse(query.problem);
  const id = request.params["id"] ?? "";
  const name = listName("crossings", { id });
  const page = pageOf(name, query.value, PLACE);
  if (!page.ok) return toResponse(page.problem);
  const found = isId(id) ? await hooksOf(context).crossings(ownerOf(key), id, page.value) : null;
  if (found === null) return toResponse(WATCH_NOT_FOUND);
  const data = found.items.map((crossing) => JSON.stringify(crossingJson(crossing)));
  const next = found.next === null ? null : cursorOf(name, found.next);
  return listResponse(`/v1/watches/${encodeURIComponent(id)}/crossings`, request, data, next);
}
