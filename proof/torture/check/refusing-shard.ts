import type { Command } from "../clients/history.ts";
import { NOT_YET_KNOWN, Trial } from "./command-model.ts";
import type { RefusalText } from "./journal-events.ts";
import type { ReplayedLedger } from "./replayed-ledger.ts";
import { ShardView, shardsTouched } from "./shard-view.ts";

export function isSameRefusal(wanted: RefusalText, found: RefusalText): boolean {
  return (
    wanted.problem === found.problem &&
    wanted.account === found.account &&
    wanted.index === found.index &&
    (wanted.other === found.other || wanted.other === NOT_YET_KNOWN)
  );
}

/** The shard that has the reason for a refusal; undefined where it is an account that is on none. */
export function refusingShard(
  replay: ReplayedLedger,
  command: Command,
  { account }: RefusalText,
): number | undefined {
  return account === null ? shardsTouched(replay, command)[0] : replay.placeOf(account)?.shard;
}

/** Whether that is what the shards, each as it was at its position, refuse first. */
export function isRefusedSo(
  replay: ReplayedLedger,
  command: Command,
  refusal: RefusalText,
  positions: ReadonlyMap<number, number>,
): boolean {
  const wanted = new Trial(new ShardView(replay, positions)).apply(command);
  return wanted !== null && isSameRefusal(wanted, refusal);
}

/** A position of this round at which the shard, asked alone, refuses it so; null if there is none. */
export function refusingPosition(
  replay: ReplayedLedger,
  command: Command,
  refusal: RefusalText,
  shard: number,
): number | null {
  const { from, to } = replay.spans.get(shard) ?? { from: 0, to: -1 };
  for (let position = from; position <= to; position += 1)
    if (isRefusedSo(replay, command, refusal, new Map([[shard, position]]))) return position;
  return null;
}
