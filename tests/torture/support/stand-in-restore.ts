/**
 * In place of `razonete restore`: begins a new epoch from what the books hold, and says so as that command does. What
 * only outbox or feed still have is lost.
 */
import { createClient } from "@redis/client";
import postgres from "postgres";
import library from "../../../src/decide/ledger.lua" with { type: "text" };
import { initialise } from "../../../src/keep/init.ts";
import { readInitConfig } from "../../../src/config.ts";

const config = readInitConfig();
if (process.argv[2] !== "--yes" || process.argv[3] !== "--json")
  throw new Error("asked otherwise than expected");
const sql = postgres(config.databaseUrl, { max: 1, onnotice: () => {} });
const redis = createClient({ url: config.redisUrl });
await redis.connect();
const [cursor] = await sql<{ last_g: string }[]>`SELECT last_g FROM cursors WHERE shard = 0`;
const keptG = Number(cursor?.last_g);
const found = (await redis.exists("razonete:{0}:head")) === 0 ? "empty" : "older";
await redis.sendCommand(["FLUSHALL"]);
await sql.begin(async (transaction) => {
  await transaction`UPDATE system SET epoch = ${crypto.randomUUID()}, loaded = false`;
  await transaction`UPDATE cursors SET last_g = 0`;
});
await sql.end();
const { epoch } = await initialise({ ...config, library });
// A log that was cut within a MULTI keeps the beginning of that when Redis 7.0 loads it, and what is written behind it
// is lost with the next load. A rewrite leaves it behind.
await redis.sendCommand(["BGREWRITEAOF"]);
while (!/aof_rewrite_in_progress:0\s+aof_rewrite_scheduled:0/.test(await redis.info("persistence"))) {
  await Bun.sleep(10);
}
redis.destroy();
console.error("restored");
console.log(
  JSON.stringify({
    type: "restored",
    epoch,
    shards: [{ shard: 0, found, keptG, fromOutbox: 0, fromFeed: 0, lastG: keptG }],
    missing: { batches: [], accounts: [] },
  }),
);
process.exit(0);
