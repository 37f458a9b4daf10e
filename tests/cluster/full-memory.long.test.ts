import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Answer, call, isNotDone } from "../support/api.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { KeptBooks } from "../support/kept-books.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";

failOnLeaks();
setDefaultTimeout(180_000);

const CLIENTS = 32;
/** Some 20,000 ids of requests. */
const ROOM_BYTES = 3 * 1024 * 1024;
/** Ids are kept for at most 32 s. */
const RECOVERY_MILLISECONDS_MAX = 60_000;

describe.skipIf(serversMissing !== null)("Redis's memory is full", () => {
  test("transactions get 503 and none, statements go on, and it recovers by itself", async () => {
    await using cluster = await Cluster.start();
    const books = new KeptBooks(cluster);
    const credit = (): Promise<Answer> =>
      call(cluster.url, "POST", "/clientes/1/transacoes", { valor: 1, tipo: "c", descricao: "x" });
    expect((await credit()).status).toBe(200);
    const info = String(await cluster.redisCommand("INFO", "memory"));
    const used = Number(/^used_memory:(\d+)/m.exec(info)?.[1]);
    await cluster.redisCommand("CONFIG", "SET", "maxmemory", String(used + ROOM_BYTES));

    let accepted = 1;
    const refused: Answer[] = [];
    const client = async (): Promise<void> => {
      while (refused.length < CLIENTS) {
        const answer = await credit();
        if (answer.status === 200) accepted += 1;
        else refused.push(answer);
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    const fullAt = performance.now();
    for (const answer of refused) {
      expect(answer.status).toBe(503);
      expect(isNotDone(answer)).toBe(true);
      expect(JSON.stringify(answer.body)).toContain("OOM");
    }
    expect(await call(cluster.url, "GET", "/clientes/1/extrato")).toMatchObject({
      status: 200,
      body: { saldo: { total: accepted } },
    });
    expect((await call(cluster.url, "GET", "/readyz")).status).toBe(200);

    await eventually(
      "a transaction is accepted again",
      async () => {
        const { status } = await credit();
        if (status === 200) accepted += 1;
        return status === 200;
      },
      () => ({ seconds: (performance.now() - fullAt) / 1000 }),
      RECOVERY_MILLISECONDS_MAX,
    );
    await books.drained();
    expect(await books.faults()).toEqual([]);
    expect(await books.entries()).toHaveLength(accepted);
    await books.close();
  });
});
