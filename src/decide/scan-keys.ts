import { z } from "zod";
import type { Commands } from "./nodes/redis-nodes.ts";
import { bounds } from "../bounds.ts";

const scanReply = z.tuple([z.string(), z.array(z.string())]);

/** The keys in one Redis, of all the shards that it has, that match, in chunks; a key may come twice. */
export async function* scanKeys(redis: Commands, pattern: string): AsyncGenerator<readonly string[]> {
  let cursor = "0";
  do {
    const count = String(bounds.scan_keys_max);
    const reply: unknown = await redis.sendCommand(["SCAN", cursor, "MATCH", pattern, "COUNT", count]);
    const [next, keys] = scanReply.parse(reply);
    if (keys.length > 0) yield keys;
    cursor = next;
  } while (cursor !== "0");
}
