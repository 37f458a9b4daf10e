import { ANYBODY } from "../../access/access-keys.ts";
import type { AccessKey } from "../../access/access-key.ts";
import { SCOPES } from "../../access/scope.ts";
import { toResponse } from "../problems.ts";
import type { RouteContext, RoutedRequest } from "../route.ts";
import { timestamp } from "../timestamp.ts";
import { okJson } from "./answers.ts";
import { parseNoQuery } from "./query.ts";

/** What the access key of the request is for, so that a page can show what it may do. Never anything of its text. */
export function getKey(_: RouteContext, request: RoutedRequest, key: AccessKey): Response {
  const query = parseNoQuery(request);
  return query.ok ? okJson(keyJson(key)) : toResponse(query.problem);
}

export function keyJson(key: AccessKey): string {
  const { name, scopes, accounts, expiresAt, rate } = key;
  return JSON.stringify({
    name: key === ANYBODY ? null : name,
    scopes: SCOPES.filter((scope) => scopes.has(scope)),
    accounts: `${accounts}*`,
    expires_at: expiresAt === null ? null : timestamp(expiresAt),
    rate,
  });
}
