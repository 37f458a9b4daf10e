/**
 * A credit of account 3 that the books keep, and that Redis has forgotten afterwards:
 *
 *     bun tests/audit/support/leave-behind.ts <API URL> <database URL> <Redis URL>
 *
 * A process of its own, for a test that must not go on meanwhile.
 */
import { createClient } from "@redis/client";
import { connectPostgres } from "../../../src/keep/postgres-client.ts";

const [api = "", databaseUrl = "", redisUrl = ""] = process.argv.slice(2);
const [account, statement] = ["razonete:{0}:account:3", "razonete:{0}:statement:3"];
const redis = await createClient({ url: redisUrl }).connect();
const before = (await redis.get(account)) ?? "";
const seq = Number(before.split(" ")[3]);
const body = JSON.stringify({ valor: 1, tipo: "c", descricao: "forgotten" });
await fetch(`${api}/clientes/3/transacoes`, { method: "POST", body });
const sql = connectPostgres({ url: databaseUrl, name: "test", connections_max: 1 });
for (;;) {
  const [row] = await sql<{ seq: number }[]>`SELECT seq FROM accounts WHERE account = '3'`;
  if ((row?.seq ?? 0) > seq) break;
  await Bun.sleep(20);
}
await sql.end();
await redis.set(account, before);
await redis.zRemRangeByScore(statement, seq + 1, seq + 1);
redis.destroy();
