import { createClient } from "@redis/client";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { call } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startStack } from "../support/running-stack.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(120_000);

/** What only a program that should not write to Redis does. */
async function changeBalance(redis: { sendCommand(command: string[]): Promise<unknown> }): Promise<void> {
  const key = "razonete:{0}:account:3";
  const [limit, , ...rest] = String(await redis.sendCommand(["GET", key])).split(" ");
  await redis.sendCommand(["SET", key, [limit, "500", ...rest].join(" ")]);
}

describe.skipIf(serversMissing !== null)("an alarm of a stack's writer", () => {
  test("where Redis is wrong: the way of docs/operations.md names what is given up, and all goes on", async () => {
    using folder = temporaryFolder();
    const start = { data: folder.path, real: true } as const;
    const credit = (url: string, account: number) =>
      call(url, "POST", `/clientes/${account}/transacoes`, { valor: 7, tipo: "c", descricao: "x" });
    {
      await using stack = await startStack(start);
      expect((await credit(stack.url, 3)).status).toBe(200);
      const redis = createClient({ url: stack.description().redisUrl, RESP: 2 });
      await redis.connect();
      try {
        await eventually("it is kept", async () => (await redis.xLen("razonete:{0}:outbox")) === 0);
        await changeBalance(redis);
        expect((await credit(stack.url, 3)).body).toMatchObject({ saldo: 507 });
        expect((await credit(stack.url, 4)).status).toBe(200);
        await eventually("it asks for a person", () => stack.output().includes("writer-1 needs you"));
        expect(stack.output()).toContain('docs/operations.md, "After an alarm"');
        await redis.flushAll();
        await eventually("the APIs know", async () => {
          const { body } = await call(stack.url, "GET", "/readyz");
          return JSON.stringify(body).includes("Redis holds no ledger, but it did");
        });
      } finally {
        redis.destroy();
      }
      expect(await stack.stop()).toBe(0);
    }
    rmSync(join(folder.path, "nats"), { recursive: true });
    await using stack = await startStack({ ...start, flags: ["--restore", "--yes"] });
    expect(stack.output()).toMatch(/2 batches that nothing holds any more/);
    expect((await credit(stack.url, 3)).body).toMatchObject({ saldo: 14 });
    expect((await credit(stack.url, 4)).body).toMatchObject({ saldo: 7 });
    expect(await stack.stop()).toBe(0);
  });

  test("a stop while it stands does not promise that the next start keeps what waits", async () => {
    using folder = temporaryFolder();
    await using stack = await startStack({ data: folder.path, real: true });
    const redis = createClient({ url: stack.description().redisUrl, RESP: 2 });
    await redis.connect();
    await changeBalance(redis);
    redis.destroy();
    const body = { valor: 7, tipo: "c", descricao: "x" };
    expect((await call(stack.url, "POST", "/clientes/3/transacoes", body)).status).toBe(200);
    await eventually("it asks for a person", () => stack.output().includes("writer-1 needs you"));
    expect(await stack.stop()).toBe(0);
    expect(stack.output()).toContain(
      "Not in the books yet: 1 batch, safe in Redis, to be kept once the cause of the writer's alarm is gone.",
    );
  });
});
