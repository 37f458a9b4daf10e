import { z } from "zod";
import { bounds } from "../../bounds.ts";
import { textHash } from "../../ledger/content-hash.ts";
import type { ListPage } from "../../ledger/ledger.ts";
import type { Parsed } from "../parse.ts";
import { invalidFields } from "../problems.ts";
import { integerRule } from "./fields.ts";
import { integerParameter, queryOf } from "./query.ts";

/** Pages of lists, and the cursors that lead from one to the next. */

const CURSOR_RULE = "must be one that this list gave, with the same other parameters";

export const pageParameters = {
  limit: integerParameter(1, bounds.list_items_max)
    .optional()
    .meta({
      description: `${integerRule(1, bounds.list_items_max)}; ${bounds.list_items_default} if left out`,
    }),
  cursor: z.string().meta({ description: CURSOR_RULE }).optional(),
};

interface PageQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/**
 * The page that is asked for, of the list that the other parameters tell. A cursor of another list is refused: it would
 * lead to a wrong place in silence.
 *
 * @param keyForm what keys of the list look like: anybody can make a cursor, of any text
 */
export function pageOf(
  list: string,
  { limit, cursor }: PageQuery,
  keyForm: RegExp = KEY_FORM,
): Parsed<ListPage> {
  const count = limit ?? bounds.list_items_default;
  if (cursor === undefined) return { ok: true, value: { count, after: null } };
  const after = keyOf(list, cursor);
  if (after !== null && keyForm.test(after)) return { ok: true, value: { count, after } };
  const detail = `cursor ${CURSOR_RULE}`;
  return { ok: false, problem: invalidFields([{ parameter: "cursor", detail }]) };
}

/** An id, or numbers that tell a place. */
const KEY_FORM = /^[A-Za-z0-9._:{}-]{1,2000}$/;

/** Where what is asked for is not there, or not for who asks. */
export const NOTHING = { items: [], next: null } as const;

/** Names a list by its route and its filter. */
export function listName(route: string, filter: object): string {
  return JSON.stringify([route, filter]);
}

const CHECK_CHARACTERS = 8;

/** The key of the last item, and before it what tells whether the cursor is of this list. */
export function cursorOf(list: string, key: string): string {
  const check = textHash(JSON.stringify([list, key])).slice(0, CHECK_CHARACTERS);
  return Buffer.from(check + key).toString("base64url");
}

/** @returns `null` if it is no cursor of this list */
export function keyOf(list: string, cursor: string): string | null {
  const key = Buffer.from(cursor, "base64url").toString().slice(CHECK_CHARACTERS);
  return cursorOf(list, key) === cursor ? key : null;
}

/** The headers that lead to the next page; none after the last one. */
export function linkTo(path: string, request: Request, cursor: string | null): Record<string, string> {
  if (cursor === null) return {};
  const query = queryOf(request);
  query.set("cursor", cursor);
  return { link: `<${path}?${query.toString()}>; rel="next"` };
}

/** @param data JSON of each */
export function listResponse(
  path: string,
  request: Request,
  data: readonly string[],
  cursor: string | null,
): Response {
  return new Response(`{"data":[${data.join(",")}],"next":${JSON.stringify(cursor)}}`, {
    headers: { "content-type": "application/json", ...linkTo(path, request, cursor) },
  });
}
