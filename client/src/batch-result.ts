import { nameOf, type ProblemName, problemIn } from "./problem.ts";
import type { Problem } from "./types.ts";

/** What became of one command of a batch. */
export type BatchResult<T> =
  | { readonly type: "done"; readonly value: T; readonly replayed: boolean }
  | { readonly type: "refused"; readonly reason: ProblemName; readonly problem: Problem }
  /** Only in `partly`, where the deadline passed before all were decided: it may be applied or not. */
  | { readonly type: "undecided"; readonly problem: Problem };

/** @param json one that has `results` */
export function batchResultsIn(json: unknown): BatchResult<unknown>[] {
  const { results } = Object(json);
  return Array.from<unknown, BatchResult<unknown>>(results, (result) => {
    const { status, body, replayed = false } = Object(result);
    if (status < 300) return { type: "done", value: body, replayed };
    const problem = problemIn(status, body);
    return status < 500
      ? { type: "refused", reason: nameOf(problem), problem }
      : { type: "undecided", problem };
  });
}
