/**
 * Ends when the books have kept a batch of shard 0:
 *
 *     bun tests/audit/support/until-kept.ts <database URL> <g>
 *
 * A process of its own, for a test that must not go on meanwhile.
 */
import { connectPostgres } from "../../../src/keep/postgres-client.ts";

const [url = "", g] = process.argv.slice(2);
const sql = connectPostgres({ url, name: "test", connections_max: 1 });
for (;;) {
  const [row] = await sql<{ last_g: number }[]>`SELECT last_g FROM cursors WHERE shard = 0`;
  if ((row?.last_g ?? 0) >= Number(g)) break;
  await Bun.sleep(20);
}
await sql.end();
