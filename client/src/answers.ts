import { batchResultsIn } from "./batch-result.ts";
import type { Flaw } from "./send.ts";

/** Whether an answer is one: what is between here and the ledger may answer 200 with anything. */

const NOT_THE_LEDGERS: Flaw = { detail: "an answer that is not the ledger's", waitMs: 0, isPart: false };

/** @param member one that the answer always has; `data` is that of a page */
export function flawOf(member: string, json: unknown): Flaw | null {
  const isOne = typeof json === "object" && json !== null && Object.hasOwn(json, member);
  return isOne && (member !== "data" || isPage(json)) ? null : NOT_THE_LEDGERS;
}

function isPage(json: object): boolean {
  const { data, next }: { data?: unknown; next?: unknown } = json;
  return Array.isArray(data) && (next === null || (typeof next === "string" && next !== ""));
}

export function flawOfCommand(method: string, path: string, json: unknown): Flaw | null {
  // It is answered without a body.
  if (method === "DELETE") return json === null ? null : NOT_THE_LEDGERS;
  if (path !== "/v1/batches") return flawOf("id", json);
  return flawOf("results", json) ?? undecidedIn(Object(json).results);
}

/** A batch that is not atomic is answered 200, also where some of its commands could not be decided yet. */
function undecidedIn(results: unknown): Flaw | null {
  if (!Array.isArray(results)) return NOT_THE_LEDGERS;
  const undecided = results.filter((result) => Object(result).status >= 500).length;
  if (undecided === 0) return null;
  // As long as a 503 of the ledger says in Retry-After.
  return { detail: `${undecided} of the batch's commands are not decided`, waitMs: 1000, isPart: true };
}

/** What an answer is to the caller. From here on the document's word is taken for its type. */
export function valueIn(path: string, json: unknown) {
  return Object(path === "/v1/batches" ? batchResultsIn(json) : json);
}
