import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { STREAM } from "../../src/carry/ensure-stream.ts";
import { natsOptions } from "../../src/carry/nats-address.ts";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { fedAfter } from "../support/servers/fed.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { AuditedCluster } from "./support/audited-cluster.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");

describe("razonete audit", () => {
  const folder = temporaryFolder();
  const data = join(folder.path, "data");
  beforeAll(async () => {
    const ledger = new EmbeddedLedger({ file: join(data, "razonete.db") });
    await ledger.submit({
      type: "transact",
      id: "req:1",
      account: "1",
      kind: "credit",
      value: 1,
      description: "c",
    });
    await ledger.close();
  });
  afterAll(() => folder[Symbol.dispose]());

  function run(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, MAIN, "audit", ...args], {
      cwd: folder.path,
      env: { PATH: process.env["PATH"] ?? "", ...environment },
      stderr: "pipe",
    });
    return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
  }

  test("a data file that agrees: a table, JSON, exit code 0; also found by itself", () => {
    const table = run(["--data", data]);
    expect(table).toMatchObject({ exitCode: 0, stderr: "" });
    expect(table.stdout).toMatch(
      /^looked at {3}.*razonete\.db\naccounts {4}5\nentries {5}1\nseconds .*\n\nAgreed\.\n$/,
    );
    const json = run(["--data", data, "--json"]);
    expect(json.exitCode).toBe(0);
    expect(JSON.parse(json.stdout)).toMatchObject({ agreed: true, system: "embedded", findings: [] });
    const found = run([]);
    expect(found.stdout.replace(/seconds.*/, "")).toBe(table.stdout.replace(/seconds.*/, ""));
  });

  test("--head prints where the journal ends and nothing else; --since compares with it", async () => {
    const noted = run(["--data", data, "--head"]);
    expect(noted).toMatchObject({ exitCode: 0, stderr: "" });
    expect(noted.stdout).toMatch(/^0:1:[0-9a-f]{64}\n$/);
    expect(run(["--data", data, "--since", noted.stdout]).exitCode).toBe(0);
    expect(JSON.parse(run(["--data", data, "--json"]).stdout)).toMatchObject({ heads: noted.stdout.trim() });
    const rewritten = run(["--data", data, "--since", `0:1:${"0".repeat(64)}`]);
    expect(rewritten.exitCode).toBe(1);
    expect(rewritten.stdout).toMatch(
      /\njournal-rewritten +- +- +row 1 of the journal \(shard 0\) has another hash /,
    );
    // What does not agree has no head to be noted.
    const cut = run(["--data", data, "--head", "--since", `0:2:${"0".repeat(64)}`]);
    expect(cut).toMatchObject({ exitCode: 1, stdout: "" });
    expect(cut.stderr).toMatch(
      /\njournal-cut +- +- +the head that was noted is row 2 of shard 0, the journal ends at row 1\n/,
    );
    for (const text of ["nonsense", "0:1", `${noted.stdout},`, `1:1:${"0".repeat(64)}`]) {
      const { exitCode, stdout, stderr } = run(["--data", data, "--since", text]);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
      expect(stderr).toMatch(/^razonete: [^\n]+ head [^\n]+\.\n$/);
    }
  });

  test("if something cannot be read: exit code 2 and one sentence", () => {
    const elsewhere = join(folder.path, "elsewhere");
    mkdirSync(elsewhere);
    const sentences = [
      run(["--data", elsewhere]),
      run(["--stack", elsewhere]),
      run(["--stack", "--data", data]),
      run(["--nonsense"]),
      run([], { DATABASE_URL: "nonsense" }),
      run([], { DATABASE_URL: "postgres://127.0.0.1:1/x", REDIS_URL: "redis://127.0.0.1:1" }),
    ];
    for (const { exitCode, stdout, stderr } of sentences) {
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
      expect(stderr).toMatch(/^(razonete|error): [^\n]+\n(\(--help shows what is possible\)\n)?$/);
    }
  });

  describe.skipIf(serversMissing !== null)("on a cluster", () => {
    let system: AuditedCluster;
    let servers: Record<"DATABASE_URL" | "REDIS_URL" | "NATS_URL", string>;
    beforeAll(async () => {
      system = await AuditedCluster.start();
      const { databaseUrl, redis, nats } = system.cluster;
      servers = { DATABASE_URL: databaseUrl, REDIS_URL: redis.url, NATS_URL: nats.url };
      await system.credit(3, 12);
      await system.books.drained();
    });
    afterAll(() => system[Symbol.asyncDispose]());

    /** Everything that the servers hold, as text. */
    async function dump(): Promise<string> {
      const tables = ["system", "cursors", "accounts", "entries", "limits", "migrations"];
      const rows = await Promise.all(
        tables.map((table) =>
          system.books.sql.unsafe(`SELECT ctid::text, xmin::text, * FROM ${table} ORDER BY ctid`),
        ),
      );
      const keys: unknown = await system.cluster.redisCommand("KEYS", "*");
      const names = Array.isArray(keys) ? keys.map(String).toSorted() : [];
      const values = await Promise.all(names.map((key) => system.cluster.redisCommand("DUMP", key)));
      return JSON.stringify([rows, names, values, await stream()]);
    }

    async function stream() {
      const connection = await connect(natsOptions(system.cluster.nats.url));
      const manager = await jetstreamManager(connection);
      const { config, state } = await manager.streams.info(STREAM);
      const consumers = await manager.consumers.list(STREAM).next();
      await connection.close();
      return { config, state, consumers };
    }

    test("that agrees: a table, JSON, exit code 0; by its addresses or by stack.json; and nothing is changed", async () => {
      // It sweeps Redis once a second.
      await Promise.all(system.cluster.writers.map((writer) => writer.kill()));
      // With the last batch the feed has all that it will have: an API that has just begun may not reach it yet.
      await fedAfter(11, system.cluster);
      const { state } = await stream();
      const before = await dump();
      const table = run([], servers);
      expect(table).toMatchObject({ exitCode: 0, stderr: "" });
      expect(table.stdout).toMatch(
        /accounts {4}5\nentries {5}12\noutbox {6}0 .*\nfeed .*\nstatements {2}5\n/,
      );
      expect(table.stdout).toContain(`\nfeed        ${state.messages} batches\n`);
      const stack = join(folder.path, "stack");
      mkdirSync(stack);
      const { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, NATS_URL: natsUrl } = servers;
      writeFileSync(
        join(stack, "stack.json"),
        JSON.stringify({ url: "", processes: [], databaseUrl, redisUrl, natsUrl }),
      );
      const json = run(["--stack", stack, "--json"], { DATABASE_URL: "postgres://127.0.0.1:1/x" });
      expect(json).toMatchObject({ exitCode: 0, stderr: "" });
      expect(JSON.parse(json.stdout)).toMatchObject({ agreed: true, system: "cluster" });
      expect(await dump()).toBe(before);
      await Promise.all(system.cluster.writers.map((writer) => writer.start()));
    });

    test("that does not agree: each finding a line, exit code 1", async () => {
      await system.books.sql`UPDATE entries SET balance = balance - 1 WHERE account = '3' AND seq = 5`;
      await system.inRow("4", 1, "7");
      const { exitCode, stdout } = run([], servers);
      expect(exitCode).toBe(1);
      expect(stdout).toContain("Not agreed: 6 findings.\n");
      expect(stdout).toMatch(/\nbalance-broken +3 +5 +4 \+ 1 is 5, the entry has 4\n/);
      expect(stdout).toMatch(/\nredis-differs +4 +0 +Redis has the balance 7, books and outbox have 0\n/);
    });

    test("with a server away: exit code 2 and a sentence that names it", async () => {
      const nowhere = {
        DATABASE_URL: "postgres://127.0.0.1:1/x",
        REDIS_URL: "redis://127.0.0.1:1",
        NATS_URL: "nats://127.0.0.1:1",
      };
      for (const [name, url] of Object.entries(nowhere)) {
        const { exitCode, stdout, stderr } = run([], { ...servers, [name]: url });
        expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
        expect(stderr).toMatch(new RegExp(`^razonete: [^\\n]*${name}[^\\n]*\\.\\n$`));
      }
      const empty = await system.cluster.postgres.createDatabase();
      expect(run([], { ...servers, DATABASE_URL: empty }).stderr).toContain(
        "holds no books: run razonete init",
      );
    });
  });
});
