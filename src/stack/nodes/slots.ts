import { slotOf, SLOTS } from "../../decide/nodes/cluster-map.ts";
import type { SlotRange } from "../../decide/nodes/node-lines.ts";

/** Which slots of a Redis Cluster are whose. All keys of a shard have its number as their hash tag, and so one slot. */

/** The shards among so many whose slots are in these ranges. */
export function shardsIn(slots: readonly SlotRange[], shards: number): number[] {
  return Array.from({ length: shards }, (_, shard) => shard).filter((shard) =>
    slots.some(([first, last]) => first <= slotOf(shard) && slotOf(shard) <= last),
  );
}

/**
 * The primary of each slot, by its place. The shards' own go round, so that each primary has as many as the others, which
 * parts of equal size would not give; the rest is given in equal parts, since only primaries with slots vote.
 */
export function plannedOwners(shards: number, primaries: number): number[] {
  const owners = Array.from({ length: SLOTS }, (_, slot) => Math.floor((slot * primaries) / SLOTS));
  for (let shard = shards - 1; shard >= 0; shard -= 1) owners[slotOf(shard)] = shard % primaries;
  return owners;
}

/** Slots as ranges. */
export function rangesOf(slots: readonly number[]): SlotRange[] {
  const ranges: [number, number][] = [];
  for (const slot of slots.toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === slot - 1) last[1] = slot;
    else ranges.push([slot, slot]);
  }
  return ranges;
}
