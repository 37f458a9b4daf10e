import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { LedgerUnavailable } from "../../src/ledger/ledger.ts";
import { type HttpServer, startHttpServer } from "../../src/http/server.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { mayPass } from "../support/pace/may-pass.ts";
import { type RunningServer, serveToTheEnd, startServer } from "../support/server.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { linesOf } from "./support/log-lines.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const CREDIT = { postings: [{ from: "@world", to: "1", amount: 5 }] };

function post(url: string, path: string, body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body), headers });
}

describe("the embedded server", () => {
  let folder: TemporaryFolder;
  let server: RunningServer;
  beforeAll(async () => {
    folder = temporaryFolder();
    server = await startServer({ data: folder.path, flags: ["--log-format", "json"] });
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    folder?.[Symbol.dispose]();
  });

  test("gives each answer of /v1, and each problem, an id of its own, whatever the client sends", async () => {
    const sent = {
      "request-id": "mine",
      "x-request-id": "mine",
      traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
    };
    const answers = await Promise.all([
      post(server.url, "/v1/transactions", CREDIT, sent),
      fetch(`${server.url}/v1/accounts/1`, { headers: sent }),
      fetch(`${server.url}/v1/accounts/nobody`),
      fetch(`${server.url}/v1/accounts/1`, { method: "PUT" }),
      fetch(`${server.url}/nowhere`),
      fetch(`${server.url}/clientes/9/extrato`),
      post(server.url, "/clientes/1/transacoes", { valor: 0 }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([201, 200, 404, 405, 404, 404, 422]);
    const ids = answers.map(({ headers }) => headers.get("request-id") ?? "none");
    expect(ids.filter((id) => !/^[\w-]{12}-\w+$/.test(id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("gives one to each answer of every other route, too", async () => {
    const paths = [
      "/",
      "/console/console.js",
      "/console/status",
      "/docs",
      "/openapi.json",
      "/livez",
      "/readyz",
      "/metrics",
    ];
    const answers = await Promise.all(paths.map((path) => fetch(`${server.url}${path}`)));
    for (const [index, { status, headers }] of answers.entries())
      expect([paths[index], status, headers.get("request-id")]).toEqual([
        paths[index],
        200,
        expect.stringMatching(/^[\w-]{12}-\w+$/),
      ]);
    await Promise.all(answers.map((answer) => answer.bytes()));
  });

  test("does not spend the time on successes of the contest's routes", async () => {
    const answers = await Promise.all([
      post(server.url, "/clientes/1/transacoes", { valor: 1, tipo: "c", descricao: "x" }),
      fetch(`${server.url}/clientes/1/extrato`),
    ]);
    expect(answers.map(({ status, headers }) => [status, headers.has("request-id")])).toEqual([
      [200, false],
      [200, false],
    ]);
  });

  test("keeps what came without a key under the id that the answer told", async () => {
    const told = await post(server.url, "/v1/transactions", CREDIT);
    const withKey = await post(server.url, "/v1/transactions", CREDIT, { "idempotency-key": "a-key" });
    using file = new Database(join(folder.path, "razonete.db"), { readonly: true });
    const rows = file
      .query<{ events: string }, []>("SELECT events FROM journal ORDER BY g DESC LIMIT 2")
      .all();
    const kept = rows.map(({ events }) => events).join();
    expect(kept).toContain(`req:${told.headers.get("request-id")}`);
    expect(kept).toContain("key:a-key");
    expect(kept).not.toContain(String(withKey.headers.get("request-id")));
  });

  test("says each line as one object, from its start to its end, and nothing else", async () => {
    using own = temporaryFolder();
    const one = await startServer({ data: own.path, environment: { LOG_FORMAT: "json" } });
    expect(await one.stop()).toBe(0);
    const { stdout, stderr } = one.output();
    expect(stdout).toBe("");
    expect(linesOf(stderr)).toMatchObject([
      { level: "info", program: "razonete serve", message: "listening", url: one.url },
      { level: "info", message: expect.stringMatching(/^SIGTERM: /) },
      { level: "info", message: "Stopped. Everything that was answered is kept." },
    ]);
  });

  test("says the same for people, unless it is asked for more", async () => {
    using own = temporaryFolder();
    const one = await startServer({ data: own.path });
    await one.stop();
    const { stdout, stderr } = one.output();
    expect(stderr).toBe("");
    expect(stdout).toStartWith(
      `Razonete listens on ${one.url}\nData, durable:      ${own.path}/razonete.db\n`,
    );
    expect(stdout).toEndWith(
      "\n\nSIGTERM: completing what was begun (again to end at once) ...\nStopped. Everything that was answered is kept.\n",
    );
  });

  test("says in the same form why it does not start", async () => {
    using own = temporaryFolder();
    const taken = Number(new URL(server.url).port);
    for (const [flags, about] of [
      [["--tls-cert", "/nowhere.pem", "--tls-key", "/nowhere.key"], "/nowhere.pem"],
      [[], `port ${taken} is in use`],
    ] as const) {
      const json = { data: own.path, port: taken, flags: ["--log-format", "json", ...flags] };
      const { code, stdout, stderr } = await serveToTheEnd(json);
      expect([code, stdout]).toEqual([1, ""]);
      const [line, ...more] = linesOf(stderr);
      const message = line?.message ?? "";
      expect(message).toContain(about);
      expect([line, more]).toMatchObject([{ level: "alarm", program: "razonete serve", exit_code: 1 }, []]);
      const people = await serveToTheEnd({ data: own.path, port: taken, flags });
      expect(people.stderr).toBe(`razonete: ${message}\n`);
    }
    const { code, stderr } = await serveToTheEnd({ data: own.path, flags: ["--log-format", "xml"] });
    expect([code, stderr]).toEqual([1, 'razonete: --log-format must be people or json, not "xml".\n']);
  });
});

describe("a request that could not be answered", () => {
  let folder: TemporaryFolder;
  let ledger: EmbeddedLedger;
  let server: HttpServer;
  let fails: Error;
  const lines: [string, unknown][] = [];
  beforeAll(() => {
    folder = temporaryFolder();
    ledger = new EmbeddedLedger({ file: join(folder.path, "razonete.db") });
    Object.assign(ledger, { account: () => Promise.reject(fails) });
    server = startHttpServer(ledger, {
      address: { host: "127.0.0.1", port: 0 },
      onDefect: (line, about) => lines.push([line, about]),
      onUnavailable: (line, about) => lines.push([line, about]),
    });
  });
  afterAll(async () => {
    await server?.stop();
    await ledger?.close();
    folder?.[Symbol.dispose]();
  });

  async function ask(): Promise<{ id: string; body: Record<string, unknown> }> {
    const answer = await fetch(`${server.url}/v1/accounts/1`);
    return { id: answer.headers.get("request-id") ?? "none", body: Object(await answer.json()) };
  }

  test("has one id in the answer's header, in its body and in the line about it", async () => {
    fails = new LedgerUnavailable("Redis is away", "none");
    const unavailable = await ask();
    fails = new TypeError("a bug");
    const defect = await ask();
    expect([unavailable.body, defect.body]).toMatchObject([
      { status: 503, request_id: unavailable.id },
      { status: 500, request_id: defect.id },
    ]);
    const about = { route: "/v1/accounts/:id" };
    expect(lines.splice(0)).toEqual([
      [
        "a request got 503: Redis is away",
        { ...about, request_id: unavailable.id, status: 503, outcome: "none" },
      ],
      [`TypeError: a bug (request ${defect.id})`, { ...about, request_id: defect.id, status: 500 }],
    ]);
  });

  test("is one of the first that get 503 in a second, or counted", async () => {
    // The second of the test before has to be over, which says nothing of its one request.
    await Bun.sleep(1_100);
    fails = new LedgerUnavailable("Redis is away", "none");
    const begunAt = performance.now();
    await Promise.all(Array.from({ length: 30 }, ask));
    const isTold = ([line]: [string, unknown]) => line === "a request got 503: Redis is away";
    const mayBeTold = mayPass(10, begunAt);
    const counts = () =>
      lines.filter((line) => !isTold(line)).map(([, about]) => Number(Object(about).count));
    const told = () => lines.length - counts().length;
    await eventually(
      "each is told, or counted with the others",
      () => told() + counts().reduce((sum, count) => sum + count, 0) === 30,
      () => lines,
    );
    expect(told()).toBeWithin(10, mayBeTold + 1);
    expect(lines.filter((line) => !isTold(line))).toEqual(
      counts().map((count) => [`${count} more requests got 503 in that second`, { status: 503, count }]),
    );
  });
});
