import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import postgres from "postgres";
import { z } from "zod";
import { LoadedCluster } from "../support/loaded-cluster.ts";
import { call } from "../support/api.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { eventually } from "../support/eventually.ts";
import { fedAfter } from "../support/servers/fed.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { testSeed } from "../support/random.ts";
import { pathOf } from "../support/servers/binaries.ts";
import { NOTHING_MISSING, runRestore } from "../support/run-restore.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const seed = testSeed();
const detailed = z.object({ detail: z.string() });
const BEHIND =
  /the books are older than Redis \(batch.* in neither the books nor the outbox\): .*razonete restore/;

describe.skipIf(serversMissing !== null)(`PostgreSQL's own backups (seed ${seed})`, () => {
  let system: LoadedCluster;
  beforeAll(async () => {
    system = await LoadedCluster.start(seed);
  });
  afterAll(() => system.dispose());
  afterEach(async () => {
    await restart();
    await system.cluster.balanced();
  });

  const processes = () => [...system.cluster.apis, ...system.cluster.writers];
  const stop = () => Promise.all(processes().map((process) => process.kill()));

  async function restart(): Promise<void> {
    await stop();
    for (const process of processes()) process.startUnready();
  }

  /** Some more answers, all of them in the books. */
  async function goOn(): Promise<void> {
    const load = await system.load();
    await load.stop();
    await system.settle(load);
    await system.books.drained();
  }

  /** The same, all of them in the feed as well. */
  async function goOnInFeed(): Promise<void> {
    const before = await system.books.lastG();
    await goOn();
    await fedAfter(before, system.cluster);
  }

  function tool(name: string, ...args: readonly string[]): void {
    const program = join(dirname(pathOf("postgres")), name);
    const { exitCode, stderr } = Bun.spawnSync([program, ...args], { stderr: "pipe" });
    if (exitCode !== 0) throw new Error(`${name}: ${stderr.toString()}`);
  }

  function dump(): string {
    const folder = mkdtempSync(join(dirname(system.cluster.postgres.process.logFile), "dump-"));
    const file = join(folder, "books.dump");
    tool("pg_dump", "--format=custom", `--file=${file}`, system.cluster.databaseUrl);
    return file;
  }

  async function putBack(file: string): Promise<void> {
    const name = new URL(system.cluster.databaseUrl).pathname.slice(1);
    const sql = postgres(system.cluster.postgres.url, { max: 1, onnotice: () => {} });
    await sql.unsafe(`DROP DATABASE ${name} WITH (FORCE)`);
    await sql.unsafe(`CREATE DATABASE ${name}`);
    await sql.end();
    tool("pg_restore", `--dbname=${system.cluster.databaseUrl}`, file);
  }

  async function heldBack(): Promise<void> {
    for (const index of system.cluster.apis.keys()) {
      const url = system.cluster.apiUrl(index);
      await eventually("the API says why it is not ready", async () => {
        const { status, body } = await call(url, "GET", "/readyz");
        return status === 503 && BEHIND.test(detailed.parse(body).detail);
      });
      expect((await call(url, "GET", "/v1/accounts/1")).status).toBe(503);
    }
  }

  async function whole(): Promise<void> {
    await restart();
    await goOn();
    await system.check();
  }

  test("a dump that is put back while nothing runs: the system starts", async () => {
    await goOn();
    await stop();
    await putBack(dump());
    await whole();
  });

  test("a dump that is older than Redis: the APIs say why they wait, and the feed brings the rest", async () => {
    const older = dump();
    await goOnInFeed();
    const { g } = await system.books.outbox();
    await stop();
    await putBack(older);
    const keptG = await system.books.lastG();
    await restart();
    await heldBack();
    const { shards, missing } = runRestore(system.cluster, "--yes");
    expect(missing).toEqual(NOTHING_MISSING);
    expect(shards).toEqual([
      { shard: 0, found: "ahead of the books", keptG, fromOutbox: 0, fromFeed: g - keptG, lastG: g },
    ]);
    await whole();
  });

  test("the books are exchanged for older ones while all runs: the writer notices, and the APIs stop", async () => {
    const older = dump();
    await goOnInFeed();
    // It looks at the books again and again, and would notice before anything is asked for.
    for (const each of system.cluster.writers) each.signal("SIGSTOP");
    await putBack(older);
    // Answered, since nobody knows yet: this batch is in the outbox.
    await system.journal.transact(system.cluster.url, { account: "1", tipo: "c", valor: 1, key: null });
    expect(system.journal.attempts.at(-1)?.known.type).toBe("accepted");
    for (const each of system.cluster.writers) each.signal("SIGCONT");
    await heldBack();
    const [writer] = system.cluster.writers;
    expect(await writer?.exited).toBe(65);
    expect(await Bun.file(writer?.logFile ?? "").text()).toMatch(
      /ALARM: .*bring the books up to date, or run razonete restore/,
    );
    const { shards, missing } = runRestore(system.cluster, "--yes");
    expect(missing).toEqual(NOTHING_MISSING);
    expect(shards).toMatchObject([{ found: "ahead of the books", fromOutbox: 1 }]);
    await whole();
  });

  test("the books were older, and are brought up to date: all goes on, without a restore", async () => {
    const older = dump();
    await goOn();
    await stop();
    await system.books.drained();
    const newer = dump();
    await putBack(older);
    await restart();
    await heldBack();
    const [writer] = system.cluster.writers;
    expect(await writer?.exited).toBe(65);
    await stop();
    await putBack(newer);
    await restart();
    await system.cluster.balanced();
    await whole();
  });

  test("a physical copy by pg_basebackup, put back later: the same", async () => {
    const { postgres: server, databaseUrl } = system.cluster;
    const folder = dirname(server.process.logFile);
    const [copy, data] = [join(folder, "base"), join(folder, "data")];
    tool("pg_basebackup", "--pgdata", copy, "--checkpoint=fast", `--dbname=${databaseUrl}`);
    await goOnInFeed();
    await stop();
    await server.process.stop();
    // Into the same folders, which are PostgreSQL's own: a new one would be the test's.
    const owned = Bun.spawnSync(["chown", "-R", `--reference=${data}`, copy]);
    expect(owned.exitCode).toBe(0);
    rmSync(data, { recursive: true });
    cpSync(copy, data, { recursive: true, preserveTimestamps: true });
    expect(Bun.spawnSync(["chown", "-R", `--reference=${copy}`, data]).exitCode).toBe(0);
    expect(Bun.spawnSync(["chmod", "700", data]).exitCode).toBe(0);
    await server.process.start();
    await restart();
    await heldBack();
    expect(runRestore(system.cluster, "--yes").missing).toEqual(NOTHING_MISSING);
    await whole();
  });

  test("an older dump, and nothing in NATS: the rest is named, account by account", async () => {
    await goOn();
    const older = dump();
    await goOn();
    const before = await system.books.sql<{ account: string; seq: number; balance: number }[]>`
      SELECT account, seq, balance FROM accounts ORDER BY account`;
    const { g } = await system.books.outbox();
    await stop();
    await putBack(older);
    const { nats } = system.cluster;
    await nats.process.kill();
    nats.forget();
    await nats.process.start();
    await restart();
    await heldBack();
    const keptG = await system.books.lastG();
    const { missing } = runRestore(system.cluster, "--yes");
    expect(missing.batches).toEqual([{ shard: 0, from: keptG + 1, to: g }]);
    const after = await system.books.sql<{ account: string; seq: number; balance: number }[]>`
      SELECT account, seq, balance FROM accounts ORDER BY account`;
    const expected = before.flatMap(({ account, seq: knownSeq, balance: knownBalance }) => {
      const now = after.find((row) => row.account === account);
      if (now !== undefined && now.seq === knownSeq) return [];
      return [{ account, seq: now?.seq ?? 0, balance: now?.balance ?? 0, knownSeq, knownBalance }];
    });
    expect(expected.length).toBeGreaterThanOrEqual(2);
    expect(missing.accounts).toEqual(expected);
  });

  test("a dump of before an earlier restore: what was answered since is named, and not thrown away unasked", async () => {
    await system.dispose();
    system = await LoadedCluster.start(seed);
    await goOn();
    const older = dump();
    expect(runRestore(system.cluster, "--force", "--yes").type).toBe("restored");
    await restart();
    await goOn();
    const { g } = await system.books.outbox();
    const newer = dump();
    const before = await system.books.entries();
    await stop();
    await putBack(older);
    const epoch = await epochInRedis();
    const held = await system.cluster.redisCommand("DBSIZE");

    for (const flags of [["--yes"], ["--force", "--yes"], ["--dry-run"]]) {
      const refused = system.cluster.run("restore", ...flags);
      expect(refused.exitCode).toBe(1);
      expect(refused.stdout.toString()).not.toContain("is known to be missing");
      const said = refused.stderr.toString();
      expect(said).toContain(`shard 0: Redis has epoch ${epoch}, up to batch ${g}`);
      expect(said).toContain("put back the latest backup of the books");
      expect(said).toContain("--discard-unknown");
    }
    expect(await epochInRedis()).toBe(epoch);
    expect(await system.cluster.redisCommand("DBSIZE")).toEqual(held);

    // With the latest backup nothing is lost.
    await putBack(newer);
    await restart();
    await system.cluster.balanced();
    expect(await system.books.entries()).toEqual(before);

    await stop();
    await putBack(older);
    const { unknown, missing, said } = runRestore(system.cluster, "--discard-unknown", "--yes");
    expect(unknown).toEqual([{ shard: 0, epoch, lastG: g, heldBy: "Redis" }]);
    expect(missing.accounts.length).toBeGreaterThan(0);
    expect(said).toContain("What cannot be brought back, though it was answered:");
    expect(said).not.toContain("Nothing that was answered is known to be missing");

    // What was given up once is not asked for again: NATS still has it.
    await system.cluster.redis.process.stop();
    system.cluster.redis.forget();
    await system.cluster.redis.process.start();
    expect(runRestore(system.cluster, "--yes")).toMatchObject({ type: "restored", unknown: [] });
    await system.dispose();
    system = await LoadedCluster.start(seed);
  });

  test("the same, where Redis has lost its data: NATS has it", async () => {
    await goOn();
    const older = dump();
    runRestore(system.cluster, "--force", "--yes");
    await restart();
    await goOnInFeed();
    const { g } = await system.books.outbox();
    const epoch = await epochInRedis();
    await stop();
    await putBack(older);
    await system.cluster.redis.process.stop();
    system.cluster.redis.forget();
    await system.cluster.redis.process.start();
    const refused = system.cluster.run("restore", "--yes");
    expect(refused.stderr.toString()).toContain(`shard 0: the feed has epoch ${epoch}, up to batch ${g}`);
    expect(refused.exitCode).toBe(1);
    await system.dispose();
    system = await LoadedCluster.start(seed);
  });

  test("the same, where nothing was decided since: there is nothing to lose, and it restores", async () => {
    await goOn();
    const older = dump();
    runRestore(system.cluster, "--force", "--yes");
    await stop();
    await putBack(older);
    expect(runRestore(system.cluster, "--yes")).toMatchObject({
      type: "restored",
      shards: [{ found: "another epoch" }],
      missing: NOTHING_MISSING,
      unknown: [],
    });
    await whole();
  });

  const epochInRedis = async () =>
    z.string().parse(await system.cluster.redisCommand("HGET", "razonete:{0}:head", "epoch"));
});
