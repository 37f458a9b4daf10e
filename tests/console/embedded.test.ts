import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { ConsoleStatus } from "../../src/console/console-status.ts";
import { eventually } from "../support/eventually.ts";
import { buildFailingFsync, whyNoFailingFsync } from "../support/failing-fsync.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");

describe("the console of the embedded server", () => {
  const toDispose: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const one of toDispose.splice(0).toReversed()) await one[Symbol.asyncDispose]();
  });

  async function start(environment: Readonly<Record<string, string>> = {}) {
    const folder = temporaryFolder();
    toDispose.push({ [Symbol.asyncDispose]: async () => folder[Symbol.dispose]() });
    const server = await startServer({ data: folder.path, environment });
    toDispose.push(server);
    return { server, data: folder.path };
  }

  const move = async ({ url }: RunningServer, tipo: "c" | "d", valor: number): Promise<number> => {
    const body = JSON.stringify({ valor, tipo, descricao: "one" });
    return (await fetch(`${url}/clientes/1/transacoes`, { method: "POST", body })).status;
  };
  const statusOf = async ({ url }: RunningServer, token?: string): Promise<ConsoleStatus> => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const answer = await fetch(`${url}/console/status`, { headers });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    return Object(await answer.json());
  };
  async function until(
    server: RunningServer,
    what: string,
    is: (now: ConsoleStatus) => boolean,
  ): Promise<ConsoleStatus> {
    let now = await statusOf(server);
    await eventually(
      what,
      async () => is((now = await statusOf(server))),
      () => now,
    );
    return now;
  }

  test("is named at the start, and shows what happens inside", async () => {
    const { server } = await start();
    expect(server.output().stdout).toContain(`See it live: ${server.url}/\n`);
    const page = await fetch(`${server.url}/`);
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);

    const quiet = await statusOf(server);
    expect(quiet).toMatchObject({
      shape: "embedded",
      second: { transactions: 0, refusals: 0, p50_ms: null, p99_ms: null },
      refusals: [],
      books: { lag_ms: 0, batches: 0 },
      outbox: null,
      audit: null,
      webhooks: { active: 0, failing: 0, parked: 0, backlog: 0 },
    });
    expect(quiet.parts.map(({ name, state, detail }) => [name, state, detail])).toEqual([
      ["server", "up", null],
      ["data file", "up", null],
    ]);
    for (let index = 0; index < 6; index += 1) {
      expect(await move(server, "c", 10)).toBe(200);
      if (index % 2 === 0) expect(await move(server, "d", 1_000_000)).toBe(422);
    }
    await until(
      server,
      "all refusals are told by their reason",
      ({ refusals }) => JSON.stringify(refusals) === '[{"problem":"limit-exceeded","count":3}]',
    );
    await until(
      server,
      "the sums follow",
      ({ units: [first] }) => first?.balances === "60" && first.world === "-60",
    );
    // One of each at a time, until a second shows what was done in it: it may end among them, or go by unseen.
    await eventually("it is counted", async () => {
      expect([await move(server, "c", 10), await move(server, "d", 1_000_000)]).toEqual([200, 422]);
      const { second } = await statusOf(server);
      expect(second.transactions).toBeGreaterThan(0);
      expect(second.transactions / second.refusals).toBeCloseTo(1, 1);
      expect(second.p50_ms).toBeGreaterThan(0);
      expect(second.p99_ms ?? 0).toBeGreaterThanOrEqual(second.p50_ms ?? Infinity);
      return true;
    });
    await until(
      server,
      "it is quiet again",
      (now) => now.second.transactions === 0 && now.second.p50_ms === null,
    );
  });

  test("tells of the last audit", async () => {
    const { server, data } = await start();
    const { exitCode } = Bun.spawnSync([process.execPath, MAIN, "audit", "--data", data], { stderr: "pipe" });
    expect(exitCode).toBe(0);
    const { audit } = await until(server, "the audit is told", (now) => now.audit !== null);
    expect(audit).toMatchObject({ agreed: true, findings: 0 });
    expect(Math.abs(Date.parse(audit?.at ?? "") - Date.now())).toBeLessThan(60_000);
  });

  test("tells of webhooks, and of who sends them", async () => {
    const { server } = await start({ WEBHOOK_INNER: "allow" });
    const body = JSON.stringify({ url: `${server.url}/livez` });
    const headers = { "content-type": "application/json" };
    expect((await fetch(`${server.url}/v1/webhooks`, { method: "POST", headers, body })).status).toBe(201);
    const isUp = ({ parts }: ConsoleStatus): boolean =>
      parts.some(({ name, state }) => name === "dispatch" && state === "up");
    const told = await until(server, "it is told", (now) => now.webhooks.active === 1 && isUp(now));
    expect(told.parts.map(({ name, state }) => [name, state])).toEqual([
      ["server", "up"],
      ["data file", "up"],
      ["dispatch", "up"],
    ]);
    // That is no place for webhooks: what is sent waits.
    expect(await move(server, "c", 1)).toBe(200);
    await until(server, "what waits is told", ({ webhooks }) => webhooks.backlog === 1);
  });

  test("asks for a key once there is one; the page itself does not", async () => {
    const { server, data } = await start();
    const create = (name: string, ...flags: string[]): string => {
      const command = [process.execPath, MAIN, "keys", "create", "--data", data, "--name", name, ...flags];
      return /rz_[\w-]{43}/.exec(Bun.spawnSync(command).stdout.toString())?.[0] ?? "";
    };
    const admin = create("admin", "--scopes", "admin");
    await eventually(
      "it is closed",
      async () => (await fetch(`${server.url}/console/status`)).status === 401,
    );
    expect((await fetch(`${server.url}/`)).status).toBe(200);
    expect(await statusOf(server, admin)).toMatchObject({ shape: "embedded" });
    const bound = create("bound", "--scopes", "ledger:read", "--accounts", "acme:*");
    const headers = { authorization: `Bearer ${bound}` };
    await eventually("the key is known", async () => (await fetch(`${server.url}/v1/key`, { headers })).ok);
    expect((await fetch(`${server.url}/console/status`, { headers })).status).toBe(403);
  });

  test.skipIf(whyNoFailingFsync() !== null)(
    "tells that the data file cannot be written, and since when",
    async () => {
      using folder = temporaryFolder();
      const fsync = buildFailingFsync(folder.path);
      const { server } = await start(fsync.environment);
      const before = await statusOf(server);
      fsync.fail(1_000);
      expect(await move(server, "c", 1)).toBe(503);
      const [, file] = (await statusOf(server)).parts;
      expect(file).toMatchObject({ name: "data file", state: "troubled" });
      expect(file?.detail).toContain("could not be written");
      expect((file?.since ?? "") > (before.parts[1]?.since ?? "")).toBe(true);
      fsync.heal();
      expect(await move(server, "c", 1)).toBe(200);
      expect((await statusOf(server)).parts[1]).toMatchObject({ state: "up", detail: null });
    },
  );
});
