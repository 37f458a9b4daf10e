import type { RedisClient } from "bun";
import { z } from "zod";

const members = z.array(z.string());

export interface OpenParts {
  /** Parts that are neither done nor undone. */
  readonly open: number;
  /** Of these, parts of transactions that are decided: they have to be done. */
  readonly decided: number;
}

/** What is open between the shards of a Redis: see docs/decisions/0029-across-shards.md for its keys. */
export async function openParts(redis: RedisClient, shards: number): Promise<OpenParts> {
  let [open, decided] = [0, 0];
  for (let shard = 0; shard < shards; shard += 1) {
    const attempts = members.parse(await redis.send("ZRANGE", [`razonete:{${shard}}:parts`, "0", "-1"]));
    open += attempts.length;
    for (const attempt of attempts) {
      const [home = ""] = attempt.split("-", 1);
      const outcome: unknown = await redis.send("GET", [`razonete:{${home}}:transit:${attempt}`]);
      // One that was abandoned has a dash alone.
      if (typeof outcome === "string" && outcome !== "-") decided += 1;
    }
  }
  return { open, decided };
}
