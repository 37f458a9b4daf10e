import type { Findings } from "../findings.ts";
import type { Head } from "./redis-reader.ts";

/**
 * Reports a shard that is flagged as having lost answered batches. Such a Redis answers nobody, not even an audit.
 *
 * @returns whether the flag is set
 */
export function reportLostBatchFlag(shard: number, { g, lost, other }: Head, findings: Findings): boolean {
  if (lost === null) return false;
  const wayOut = "it answers nobody: give Redis its data back, or run razonete restore";
  if (lost > g) {
    const detail = `Redis ends shard ${shard} at batch ${g}, up to ${lost} was answered; ${wayOut}`;
    findings.add("redis-older", null, null, detail);
    return true;
  }
  const what =
    other === null
      ? `batch ${lost} was answered and is gone, though Redis is at ${g} by now`
      : `batch ${other} was answered, and another one has its number now`;
  findings.add("redis-other", null, null, `in shard ${shard} ${what}; ${wayOut}`);
  return true;
}
