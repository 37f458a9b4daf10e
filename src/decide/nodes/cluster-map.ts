import { z } from "zod";
import { hasSlot, type NodeLine, parseNodeLines } from "./node-lines.ts";

/** What nodes of a Redis Cluster tell of it, and who has a slot by that. */

export interface ClusterNode extends Pick<
  NodeLine,
  "id" | "port" | "isPrimary" | "isFailing" | "isSuspected" | "primaryId" | "epoch" | "slots"
> {
  readonly host: string;
}

/** What one node told. */
export type ClusterView = readonly ClusterNode[];

/** A shard's nodes. */
export interface Place {
  readonly primary: ClusterNode;
  readonly replicas: readonly ClusterNode[];
}

export const SLOTS = 16_384;

/**
 * Those that may be reached: not one that is not known for certain yet, or has no address.
 *
 * @param askedHost the host that the answering node was reached at: one that was never told its address leaves it out
 */
export function parseClusterNodes(reply: unknown, askedHost: string): ClusterView {
  return parseNodeLines(z.string().parse(reply))
    .filter(({ isNew, isLost }) => !isNew && !isLost)
    .map(({ id, ip, port, name, isPrimary, isFailing, isSuspected, primaryId, epoch, slots }) => {
      return {
        id,
        host: name || ip || askedHost,
        port,
        isPrimary,
        isFailing,
        isSuspected,
        primaryId,
        epoch,
        slots,
      };
    });
}

/** Who has the slot by the latest of the views; `null` if nobody has it. */
export function placeOf(slot: number, views: readonly ClusterView[]): Place | null {
  let found: Place | null = null;
  for (const view of views) {
    const primary = view.find((node) => node.isPrimary && hasSlot(node, slot));
    if (primary === undefined || (found !== null && primary.epoch <= found.primary.epoch)) continue;
    found = { primary, replicas: view.filter(({ primaryId }) => primaryId === primary.id) };
  }
  return found;
}

/** The primaries that have slots, each once, by the latest of the views; `null` if slots are without one. */
export function primariesOf(views: readonly ClusterView[]): readonly ClusterNode[] | null {
  const primaries = new Map<string, ClusterNode>();
  for (let slot = 0; slot < SLOTS;) {
    const primary = placeOf(slot, views)?.primary;
    if (primary === undefined) return null;
    primaries.set(primary.id, primary);
    slot = endOfRun(slot, views);
  }
  return [...primaries.values()];
}

/** The first slot from which on another range begins in any of the views. */
function endOfRun(slot: number, views: readonly ClusterView[]): number {
  let end = SLOTS;
  for (const { slots } of views.flat())
    for (const [first, last] of slots) {
      if (first > slot) end = Math.min(end, first);
      else if (last >= slot) end = Math.min(end, last + 1);
    }
  return end;
}

/** The slot of a shard: of its hash tag, its number, which all its keys have. */
export function slotOf(shard: number): number {
  let crc = 0;
  for (const byte of Buffer.from(String(shard))) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc << 1) ^ ((crc & 0x8000) === 0 ? 0 : 0x1021)) & 0xffff;
  }
  return crc % SLOTS;
}
