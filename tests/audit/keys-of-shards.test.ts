import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { z } from "zod";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import { accountOn } from "../support/account-on.ts";
import { call } from "../support/api.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const SHARDS = 2;
const [A, B] = [accountOn(0, SHARDS), accountOn(1, SHARDS)];
const reported = z.object({ findings: z.array(z.object({ name: z.string(), detail: z.string() })) });

describe.skipIf(serversMissing !== null)("an audit of a client's keys in several shards", () => {
  test("agrees that each shard has a command of its own under the same key, and finds one that is there twice", async () => {
    await using cluster = await Cluster.start({ apis: 1, shards: SHARDS });
    const audited = (): string[] => {
      const run = cluster.run("audit", "--json");
      return reported
        .parse(JSON.parse(run.stdout.toString()))
        .findings.map(({ name, detail }) => `${name}: ${detail}`);
    };
    const send = async (method: "POST" | "PATCH", path: string, body: object, key: string): Promise<void> => {
      const answer = await call(cluster.apiUrl(0), method, path, body, key);
      expect(answer.status, JSON.stringify(answer.body)).toBeWithin(200, 300);
      expect(answer.replayed).toBeFalse();
    };
    const pay = (from: string, to: string) => ({ postings: [{ from, to, amount: 1 }] });
    const both = [
      [A, B],
      [B, A],
    ] as const;
    for (const [one, other] of both) {
      await send("POST", "/v1/transactions", pay(one, "@world"), "within");
      await send("POST", "/v1/transactions", pay(one, other), "across");
      await send("POST", "/v1/holds", { from: one, amount: 1 }, "hold");
      await send("PATCH", `/v1/accounts/${one}`, { credit_limit: 90_000 }, "limit");
      const commands = [0, 1].map(() => ({ op: "transaction", body: pay(one, "@world") }));
      await send("POST", "/v1/batches", { atomic: false, commands }, "batch");
    }
    const lengths = () =>
      Promise.all([0, 1].map((shard) => cluster.redisCommand("XLEN", `razonete:{${shard}}:outbox`)));
    await eventually("the books have all", async () => Bun.deepEquals(await lengths(), [0, 0]));
    expect(audited()).toEqual([]);

    // The books of shard 1 have the key of its first transaction a second time, behind its last one.
    const books = connectPostgres({ url: cluster.databaseUrl, name: "test", connections_max: 1 });
    const last = (column: string, table: string, of: string) => `(SELECT max(${column}) FROM ${table} ${of})`;
    const ofB = `WHERE account = '${B}'`;
    await books.unsafe(
      `UPDATE entries SET command = 'key:within' ${ofB} AND seq = ${last("seq", "entries", ofB)}`,
    );
    const ofA = `WHERE account = '${A}'`;
    await books.unsafe(
      `UPDATE limits SET command = 'key:hold' ${ofA} AND version = ${last("version", "limits", ofA)}`,
    );
    await books.end();
    const found = audited().filter((finding) => finding.startsWith("command-doubled"));
    expect(found.toSorted()).toEqual([
      `command-doubled: the command key:hold took effect already: account ${A}`,
      `command-doubled: the command key:within took effect already: account ${B}, seq 2`,
    ]);
  });
});
