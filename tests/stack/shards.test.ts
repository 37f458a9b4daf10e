import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bounds } from "../../src/bounds.ts";
import { SOURCE_PROGRAM } from "../../src/build/programs.ts";
import { shardOf } from "../../src/ledger/account-id.ts";
import { call } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { processesOf, type RunningStack, stackToTheEnd, startStack } from "../support/running-stack.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** `razonete stack --shards`, with nothing in place of anything. */

failOnLeaks();
setDefaultTimeout(180_000);

const SHARDS = 3;
const ALL = [0, 1, 2];
const OTHER = /this ledger was begun with 3 shards, which cannot be changed to 2: leave out --shards/;

describe.skipIf(serversMissing !== null)("a stack with --shards", () => {
  test("decides on every shard, and says which Redis has them; what was answered is kept, and the audit agrees", async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    const start = { data, real: true, flags: ["--shards", String(SHARDS)] } as const;
    {
      await using stack = await startStack(start);
      expect(stack.output()).toContain(", decides, in 3 shards\n");
      for (const shard of ALL) await pay(stack, shard);
      const across = { postings: [{ from: accountsOn(0)[0], to: accountsOn(1)[0], amount: 1 }] };
      const apart = await call(stack.url, "POST", "/v1/batches", {
        atomic: true,
        commands: [{ op: "transaction", body: across }],
      });
      expect(apart).toMatchObject({ status: 422, body: { type: "urn:razonete:problem:shards-apart" } });
      expect(served(stack)).toEqual({ role: "primary", shards: ALL });

      for (const name of ["redis", "postgres"]) {
        const before = stack.pid(name);
        process.kill(before, "SIGKILL");
        await eventually(`${name} is back`, () => stack.pid(name) !== before);
        expect(served(stack)).toEqual({ role: "primary", shards: ALL });
      }
      for (const shard of ALL)
        await eventually(`shard ${shard} answers as before`, async () =>
          Bun.deepEquals(await balances(stack, shard), [70, 30]),
        );
      expect(await stack.stop()).toBe(0);
      expect(stack.output()).not.toContain("Not in the books yet");
    }
    const logs = readdirSync(join(data, "logs"));
    const refused = await stackToTheEnd({ ...start, flags: ["--shards", "2"] });
    expect([refused.code, refused.output]).toEqual([1, expect.stringMatching(OTHER)]);
    expect(processesOf(data)).toEqual([]);
    expect(readdirSync(join(data, "logs"))).toEqual(logs);

    await using stack = await startStack(start);
    for (const shard of ALL) expect(await balances(stack, shard)).toEqual([70, 30]);
    const audit = Bun.spawnSync([...SOURCE_PROGRAM, "audit", "--stack", data], { stderr: "pipe" });
    expect([audit.exitCode, audit.stderr.toString()]).toEqual([0, ""]);
    expect(await stack.stop()).toBe(0);
  });

  test("starts with as many as there may be and two writers, of which one keeps all shards", async () => {
    using folder = temporaryFolder();
    const flags = ["--shards", String(bounds.shards_max), "--writers", "2"];
    await using stack = await startStack({ data: join(folder.path, "data"), real: true, flags });
    await pay(stack, bounds.shards_max - 1, bounds.shards_max);
    await eventually("it is in the books", async () => {
      const { body } = await call(stack.url, "GET", "/v1/ledger");
      return Object(body).transactions === 1;
    });
    expect(await stack.stop()).toBe(0);
  });

  test("goes on without the flag, is refused with another number, and then begins anew with --fresh", async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    {
      await using killed = await startStack({ data, real: true, environment: { SHARDS: String(SHARDS) } });
      expect(served(killed)).toEqual({});
      await pay(killed, 2);
      killed.signal("SIGKILL");
      await killed.ended;
      // What the supervisor left is ended before the books are asked.
      const refused = await stackToTheEnd({ data, real: true, flags: ["--shards", "2"] });
      expect([refused.code, refused.output]).toEqual([1, expect.stringMatching(OTHER)]);
      expect(refused.output).toMatch(/left haproxy .* running: stopping them first/);
      expect(processesOf(data)).toEqual([]);
    }
    {
      await using stack = await startStack({ data, real: true, environment: { SHARDS: "" } });
      expect(await balances(stack, 2)).toEqual([70, 30]);
      expect(await stack.stop()).toBe(0);
    }
    await using stack = await startStack({
      data,
      real: true,
      // A flag counts over its variable.
      environment: { SHARDS: "9999" },
      flags: ["--shards", "2", "--fresh"],
    });
    expect(served(stack)).toEqual({ role: "primary", shards: [0, 1] });
    const gone = await call(stack.url, "GET", `/v1/accounts/${accountsOn(2)[0]}`);
    expect(gone.status).toBe(404);
  });
});

/** Two accounts of one shard. */
function accountsOn(shard: number, shards = SHARDS): [string, string] {
  const tag = "abcdefghijklmnopqrstuvwxyz".split("").find((each) => shardOf(`{${each}}`, shards) === shard);
  if (tag === undefined) throw new Error(`no tag is on shard ${shard}`);
  return [`{${tag}}x`, `{${tag}}y`];
}

/** Opens the accounts of a shard, and has one pay the other 30 of 100. */
async function pay({ url }: RunningStack, shard: number, shards = SHARDS): Promise<void> {
  const [payer, payee] = accountsOn(shard, shards);
  for (const id of [payer, payee])
    expect((await call(url, "POST", "/v1/accounts", { id, unit: "BRL/2" })).status).toBe(201);
  const postings = [
    { from: "@world", to: payer, amount: 100 },
    { from: payer, to: payee, amount: 30 },
  ];
  expect((await call(url, "POST", "/v1/transactions", { postings })).status).toBe(201);
}

async function balances({ url }: RunningStack, shard: number): Promise<unknown[]> {
  const answers = await Promise.all(
    accountsOn(shard).map((account) => call(url, "GET", `/v1/accounts/${account}`)),
  );
  return answers.map(({ body }) => Object(body).balance);
}

/** What stack.json says of Redis, but for its name and number. */
function served({ data }: RunningStack): unknown {
  const { processes } = JSON.parse(readFileSync(join(data, "stack.json"), "utf8"));
  const {
    name: _,
    pid: __,
    address: ___,
    ...rest
  } = processes.find((each: { name: string }) => each.name === "redis");
  return rest;
}
