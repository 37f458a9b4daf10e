import { type AccessKey, hasScope } from "./access-key.ts";
import type { Scope } from "./scope.ts";

/** What a route asks of the access key of a request; `null`: it needs none. */
export type Needs = {
  readonly all: readonly Scope[];
  /** At least one of these, too: each of several things in a request needs its own. */
  readonly any?: readonly Scope[];
  /** Only for keys that are for every account. */
  readonly everyAccount?: true;
} | null;

/** The first scope that the key lacks; `null` if it has all. */
export function missingScope(key: AccessKey, needs: NonNullable<Needs>): Scope | null {
  const { all, any = [] } = needs;
  const missing = all.find((scope) => !hasScope(key, scope));
  if (missing !== undefined) return missing;
  return any.some((scope) => hasScope(key, scope)) ? null : (any[0] ?? null);
}
