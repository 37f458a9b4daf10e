import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { ConsoleStatus } from "../../src/console/console-status.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { startHaproxy } from "../support/servers/haproxy.ts";
import type { ServerProcess } from "../support/servers/server-process.ts";
import { answerBeforeDisk } from "./support/answer-before-disk.ts";
import { startConsole } from "./support/console-process.ts";
import { Transactions } from "./support/transactions.ts";

failOnLeaks();
setDefaultTimeout(120_000);

describe.skipIf(serversMissing !== null)("the console of a cluster", () => {
  let cluster: Cluster;
  let consoleProcess: ServerProcess;
  let haproxy: ServerProcess;
  let url: string;
  let token: string | null = null;
  beforeAll(async () => {
    cluster = await Cluster.start();
    await answerBeforeDisk(cluster.redis.url);
    consoleProcess = await startConsole(cluster);
    const ports = cluster.apis.map(({ port }) => port);
    haproxy = await startHaproxy(ports, true, { HAPROXY_CONSOLE: `127.0.0.1:${consoleProcess.port}` });
    url = `http://127.0.0.1:${haproxy.port}`;
    await cluster.balanced();
    await eventually("the console is there", async () => (await fetch(`${url}/`)).ok);
  });
  afterAll(async () => {
    await Promise.all([haproxy?.dispose(), consoleProcess?.dispose()]);
    await cluster?.[Symbol.asyncDispose]();
  });

  const get = (path: string, key = token) =>
    fetch(url + path, { headers: key === null ? {} : { authorization: `Bearer ${key}` } });
  async function status(): Promise<ConsoleStatus> {
    const answer = await get("/console/status");
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    return Object(await answer.json());
  }
  async function until(what: string, is: (now: ConsoleStatus) => boolean): Promise<ConsoleStatus> {
    let now: ConsoleStatus | null = null;
    await eventually(
      what,
      async () => is((now = await status())),
      () => now,
    );
    if (now === null) throw new Error("no status");
    return now;
  }
  const stateOf = ({ parts }: ConsoleStatus, name: string) => parts.find((part) => part.name === name)?.state;
  const isDown =
    (name: string, state = "down") =>
    (now: ConsoleStatus) =>
      stateOf(now, name) === state;

  test("is the process behind HAProxy; what is not its own, the APIs answer", async () => {
    const page = await get("/");
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const [, script = ""] = /src="([^"]+)"/.exec(await page.text()) ?? [];
    expect((await get(script)).headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    expect(await (await get("/v1/key")).json()).toMatchObject({ name: null });
    expect((await get("/livez")).status).toBe(200);
    expect((await get("/console/other")).status).toBe(404);
    // Reached past HAProxy, an API has no console, and the console no ledger.
    expect((await fetch(`${cluster.apiUrl(0)}/`)).status).toBe(404);
    for (const path of ["/v1/accounts", "/clientes/1/extrato"])
      expect((await fetch(`http://127.0.0.1:${consoleProcess.port}${path}`)).status).toBe(404);
  });

  test("tells of every part, and of the sums", async () => {
    const now = await until(
      "all is up",
      ({ parts, units }) => units.length > 0 && parts.every(({ state }) => state === "up"),
    );
    expect(now.parts.map(({ name }) => name)).toEqual([
      "console",
      "api-1",
      "api-2",
      "redis",
      "nats",
      "postgres",
    ]);
    expect(now.units).toEqual([{ unit: "BRL/2", balances: "0", world: "0", in_transit: "0" }]);
    expect(now).toMatchObject({ shape: "cluster", audit: null });
  });

  test("tells of the last audit", async () => {
    expect(cluster.run("audit").exitCode).toBe(0);
    const { audit } = await until("the audit is told", (now) => now.audit !== null);
    expect(audit).toMatchObject({ agreed: true, findings: 0 });
    expect(Math.abs(Date.parse(audit?.at ?? "") - Date.now())).toBeLessThan(60_000);
  });

  test("tells of a part that is away, and that it is back", async () => {
    const [, api] = cluster.apis;
    await api?.kill();
    await until("the API alone is down", (now) => {
      const away = now.parts.filter(({ state }) => state !== "up");
      return away.length === 1 && isDown("api-2")(now);
    });
    await api?.start();
    await until("it is back", isDown("api-2", "up"));

    cluster.nats.process.signal("SIGSTOP");
    await until("NATS is down", isDown("nats"));
    cluster.nats.process.signal("SIGCONT");
    await until("it is back", isDown("nats", "up"));

    cluster.redis.process.signal("SIGSTOP");
    await until("Redis is down", isDown("redis"));
    cluster.redis.process.signal("SIGCONT");
    await until("it is back", isDown("redis", "up"));

    await cluster.postgres.process.kill();
    const without = await until("PostgreSQL is down", isDown("postgres"));
    expect(without.units).toHaveLength(1);
    expect((await get("/")).status).toBe(200);
    await cluster.postgres.process.start();
    await until("it is back", isDown("postgres", "up"));
    await until("the APIs are ready", ({ parts: all }) => all.every(({ state }) => state === "up"));
    await cluster.balanced();
  });

  test("killed or frozen, it holds up no transaction, and HAProxy says that it is away", async () => {
    const load = new Transactions(url);
    try {
      await consoleProcess.kill();
      const page = await untilAway();
      expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
      expect(await page.text()).toContain("The ledger itself goes on without it");
      const told = await get("/console/status");
      expect(told.headers.get("retry-after")).toBe("1");
      expect([told.status, await told.json()]).toMatchObject([
        503,
        { type: "urn:razonete:problem:ledger-unavailable", outcome: "none" },
      ]);
      await goesOn(load);
      await consoleProcess.start();
      await eventually("the console is back", async () => (await get("/")).ok);

      consoleProcess.signal("SIGSTOP");
      // Many who look while it is silent.
      const looking = Array.from({ length: 100 }, async () => (await get("/console/status")).status);
      await goesOn(load);
      expect(new Set(await Promise.all(looking))).toEqual(new Set([503]));
      await untilAway();
      await goesOn(load);
      consoleProcess.signal("SIGCONT");
      await eventually("the console is back", async () => (await get("/")).ok);
      await goesOn(load);
    } finally {
      consoleProcess.signal("SIGCONT");
      expect(Object.keys(await load.stop())).toEqual(["200"]);
    }
  });

  async function untilAway(): Promise<Response> {
    let answer = await get("/");
    await eventually("HAProxy says that it is away", async () => {
      answer = await get("/");
      return answer.status === 503 && answer.headers.get("content-type")?.startsWith("text/html") === true;
    });
    return answer;
  }

  async function goesOn(load: Transactions): Promise<void> {
    const before = load.done;
    await eventually("transactions go on", () => load.done > before + 20);
  }

  test("asks for a key as soon as there is one, and for one that may see everything", async () => {
    const create = (name: string, ...flags: string[]) => {
      const { stdout, exitCode } = cluster.run("keys", "create", "--name", name, ...flags);
      expect(exitCode).toBe(0);
      return /rz_[\w-]{43}/.exec(stdout.toString())?.[0] ?? "";
    };
    const admin = create("admin", "--scopes", "admin");
    expect(admin.length).toBeGreaterThan(20);
    await eventually("it is closed", async () => (await get("/console/status")).status === 401);
    // The page itself has nothing of the ledger in it.
    expect((await get("/")).status).toBe(200);
    const looker = create("looker", "--scopes", "ledger:read");
    const bound = create("bound", "--scopes", "ledger:read", "--accounts", "acme:*");
    const reader = create("reader", "--scopes", "accounts:read,transactions:read,events:read");
    await eventually("the keys are known", async () => (await get("/console/status", reader)).status === 403);
    await eventually("the keys are known", async () => (await get("/console/status", looker)).status === 200);
    expect((await get("/console/status", bound)).status).toBe(403);
    expect((await get("/console/status", admin)).status).toBe(200);
    // The APIs look for keys at moments of their own: where one knows it another one may not yet.
    let own = await get("/v1/key", bound);
    await eventually("an API knows the key", async () => {
      own = await get("/v1/key", bound);
      return own.status === 200;
    });
    expect(await own.json()).toMatchObject({ name: "bound", accounts: "acme:*", scopes: ["ledger:read"] });
    expect(cluster.run("keys", "revoke", "looker").exitCode).toBe(0);
    await eventually("it is refused", async () => (await get("/console/status", looker)).status === 401);
    token = admin;
  });

  test("without the books from the start, it shows its page, and tells nothing before it knows the keys", async () => {
    await consoleProcess.kill();
    await cluster.postgres.process.kill();
    try {
      await consoleProcess.start();
      await eventually("the page is there", async () => (await get("/")).status === 200);
      const told = await get("/console/status");
      expect([told.status, Object(await told.json()).type]).toEqual([
        503,
        "urn:razonete:problem:ledger-unavailable",
      ]);
    } finally {
      await cluster.postgres.process.start();
    }
    await until("it knows the keys", isDown("postgres", "up"));
    expect((await get("/console/status", null)).status).toBe(401);
  });

  test("stops in order", async () => {
    await consoleProcess.stop();
    expect(await consoleProcess.log()).toContain("Stopped.");
  });
});
