import type { AttemptId, Decided } from "../../ledger/transit.ts";
import type { AccountState } from "../../ledger/account.ts";
import type { Shards } from "../shards.ts";

/** The number of the shard that decides an attempt; it is in the attempt's id. */
export function homeOf(attempt: AttemptId): number {
  return Number(attempt.split("-", 1)[0]);
}

/**
 * Finishes all parts of an attempt that was decided, and lets home forget it.
 *
 * @returns the accounts of the parts as they stood after it, `null` for a part that ended a while ago
 * @throws LedgerUnavailable (as a rejection)
 */
export async function finishParts(
  shards: Shards,
  attempt: AttemptId,
  parts: readonly number[],
  { transaction, decidedAt, hold }: Decided,
): Promise<readonly (readonly AccountState[] | null)[]> {
  const answers = await Promise.all(
    parts.map((shard) => shards.of(shard).ask({ type: "finish", attempt, transaction, decidedAt, hold })),
  );
  // Nobody waits for it: where it fails, a later round does it.
  shards
    .of(homeOf(attempt))
    .ask({ type: "forget", attempt, shards: parts })
    .catch(() => {});
  return answers.map((answer) => (answer.type === "ended" ? answer.event.accounts : null));
}

/** Undoes parts of an attempt that nobody decides any more. Where that fails, a later round does it. */
export async function undoParts(shards: Shards, attempt: AttemptId, parts: readonly number[]): Promise<void> {
  await Promise.allSettled(parts.map(async (shard) => shards.of(shard).ask({ type: "undo", attempt })));
}

/**
 * Ends parts whose attempt may have been decided or not, which home tells. After that it decides it no more.
 *
 * @returns whether it was decided
 * @throws LedgerUnavailable (as a rejection)
 */
export async function completeParts(
  shards: Shards,
  attempt: AttemptId,
  parts: readonly number[],
  isAll: boolean,
): Promise<boolean> {
  const outcome = await shards.of(homeOf(attempt)).ask({ type: "ask", attempt });
  if (outcome.type !== "decided") {
    if (outcome.type === "abandoned") await undoParts(shards, attempt, parts);
    return false;
  }
  if (isAll) {
    await finishParts(shards, attempt, parts, outcome);
    return true;
  }
  const { transaction, decidedAt, hold } = outcome;
  for (const shard of parts)
    await shards.of(shard).ask({ type: "finish", attempt, transaction, decidedAt, hold });
  return true;
}
