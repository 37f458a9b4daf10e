import type { Attempt, Batch } from "../clients/history.ts";
import { shardsOf } from "../clients/operation-shards.ts";
import type { ReplayedLedger } from "./replayed-ledger.ts";
import type { RoundFindings } from "./round-violations.ts";
import { shardsTouched } from "./shard-view.ts";

/** Why an atomic batch is refused whose accounts are on several shards. */
export const APART = "shards-apart";

export type ApartBatch = Attempt & {
  readonly operation: Batch;
  readonly answer: Extract<Attempt["answer"], { type: "batch" }>;
};

/** Whether it was refused for that. */
export function isApartBatch(attempt: Attempt): attempt is ApartBatch {
  const { operation, answer } = attempt;
  if (operation.type !== "batch" || answer.type !== "batch" || answer.refused === null) return false;
  const refused = answer.results[answer.refused];
  return refused?.type === "refused" && refused.problem === APART;
}

/** The commands up to the one that it names have to be on several shards, as far as that can be known. */
export function checkApart(
  { number, operation, answer }: ApartBatch,
  replay: ReplayedLedger,
  findings: RoundFindings,
): void {
  const shards = new Set<number>();
  let isKnown = true;
  for (const { command } of operation.commands.slice(0, (answer.refused ?? 0) + 1)) {
    for (const shard of shardsTouched(replay, command)) shards.add(shard);
    // An account that was never opened is on a shard, too.
    if (command.type === "open") isKnown &&= command.account !== null;
    shardsOf(command, (account) => {
      const shard = replay.placeOf(account)?.shard;
      isKnown &&= shard !== undefined;
      return shard;
    });
  }
  if (!isKnown || shards.size > 1) return;
  const detail = `The atomic batch of attempt ${number} was refused as of several shards, and is of one: ${JSON.stringify(operation)}.`;
  findings.add("impossible-refusal", detail, [number]);
}
