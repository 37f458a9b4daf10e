import type { Batch } from "../carry/batch.ts";
import type { Tracing } from "./tracing.ts";

/**
 * Traces how batches are kept in the books. A batch does not say of which requests it is: shard and g lead there, which
 * the spans of the calls that decided it have as well.
 */
export async function traceKeep<Kept>(
  tracing: Tracing | null,
  shard: number,
  batches: readonly Batch[],
  keep: () => Promise<Kept>,
): Promise<Kept> {
  const span = tracing?.work("books.keep", {
    "razonete.shard": shard,
    "razonete.g.from": batches[0]?.g ?? 0,
    "razonete.g.to": batches.at(-1)?.g ?? 0,
    "razonete.batch.size": batches.reduce((sum, { events }) => sum + events.length, 0),
  });
  try {
    const kept = await keep();
    span?.end();
    return kept;
  } catch (error) {
    span?.fail(error);
    throw error;
  }
}
