import { z } from "zod";

/**
 * What one call of the Redis function decided: what it accepted, and what it refused under clients' keys. `g` numbers the
 * batches of a shard from 1, without gaps.
 */
export interface Batch {
  /** Identifies the data in Redis on which the batch was decided. */
  readonly epoch: string;
  readonly shard: number;
  readonly g: number;
  /** The texts of LedgerEvents, in order. */
  readonly events: readonly string[];
}

const message = z.object({
  epoch: z.string(),
  shard: z.int().nonnegative(),
  g: z.int().positive(),
  events: z.array(z.string()).min(1),
});

/** The batch as a message: JSON. */
export function formatBatch({ epoch, shard, g, events }: Batch): string {
  return JSON.stringify({ epoch, shard, g, events });
}

/** `null` if the text is not a batch: anyone may publish to a subject. */
export function parseBatch(text: string): Batch | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const result = message.safeParse(json);
  return result.success ? result.data : null;
}

/** How many decisions they bear. */
export function eventCountOf(batches: readonly Batch[]): number {
  return batches.reduce((sum, { events }) => sum + events.length, 0);
}
