import { bounds } from "../../bounds.ts";
import type { OutboxSpill } from "../spill/outbox-spill.ts";
import type { RedisReader } from "./redis-reader.ts";

const PAGES_BETWEEN_COLLECTIONS = 10;

/** Reads everything in the outbox that was not read yet. */
export async function readOutbox(redis: RedisReader, shard: number, outbox: OutboxSpill): Promise<void> {
  const length = bounds.audit_chunk_batches;
  for (let pages = 1; ; pages += 1) {
    const page = await redis.outbox(shard, outbox.lastG + 1, length);
    outbox.take(page);
    // As for the rows of the books, see binary-copy-reader.ts.
    if (pages % PAGES_BETWEEN_COLLECTIONS === 0) Bun.gc(true);
    if (page.length < length) return;
  }
}
