import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readlinkSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import packageJson from "../../package.json" with { type: "json" };
import { buildExecutable } from "../../src/build/build-executable.ts";
import { openApiDocument } from "../../src/http/openapi/document.ts";
import { identityOf } from "../../src/stack/process-identity.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startNats } from "../support/servers/nats.ts";
import { startPostgres } from "../support/servers/postgres.ts";
import { childrenOf } from "../support/servers/server-process.ts";
import { startRedis } from "../support/servers/redis.ts";
import { makeForeign } from "../support/foreign-folder.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** What `npm run build` makes, in a folder where nothing of the repository is. */

setDefaultTimeout(60_000);

const temporary = temporaryFolder("executable");
const folder = temporary.path;
const executable = join(folder, "razonete");
beforeAll(() => buildExecutable(executable));
afterAll(() => temporary[Symbol.dispose]());
failOnLeaks();

function start(command: string, environment: Readonly<Record<string, string>>, ...flags: readonly string[]) {
  return Bun.spawn([executable, command, ...flags], {
    cwd: folder,
    env: { ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
}

/** The first text that it prints. */
async function firstWords(child: { readonly stdout: ReadableStream<Uint8Array> }): Promise<string> {
  const { value } = await child.stdout.getReader().read();
  return new TextDecoder().decode(value);
}

async function credit(url: string, socket?: string): Promise<[number, unknown]> {
  const response = await fetch(`${url}/clientes/1/transacoes`, {
    method: "POST",
    body: JSON.stringify({ valor: 7, tipo: "c", descricao: "salary" }),
    ...(socket === undefined ? {} : { unix: socket }),
  });
  return [response.status, await response.json()];
}

test("says its version, and has the commands of servers alone", () => {
  const { stdout } = Bun.spawnSync([executable, "--version"], { cwd: folder, env: {} });
  expect(stdout.toString()).toBe(`${packageJson.version}\n`);
  const help = Bun.spawnSync([executable, "--help"], { cwd: folder, env: {} }).stdout.toString();
  const commands = [...help.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => String(name));
  expect(commands).toEqual([
    "serve",
    "init",
    "keys",
    "backup",
    "restore",
    "rebuild",
    "api",
    "console",
    "writer",
    "dispatch",
    "export",
    "audit",
    "help",
  ]);
});

test("takes neither settings nor code from the folder that it is run in", async () => {
  using foreign = temporaryFolder();
  const { codeHasRun } = makeForeign(foreign.path);
  const options = { cwd: foreign.path, env: {} } as const;
  const version = Bun.spawnSync([executable, "--version"], options);
  expect(version.stdout.toString()).toBe(`${packageJson.version}\n`);
  const server = Bun.spawn([executable, "serve", "--port", "0"], { ...options, stdout: "pipe" });
  try {
    expect(await firstWords(server)).toContain("listens on");
  } finally {
    server.kill();
    expect(await server.exited).toBe(0);
  }
  expect(codeHasRun()).toBe(false);
});

test("serves from one data file, with the texts and the page that it brings along", async () => {
  const data = join(folder, "data");
  const server = start("serve", { DRAIN_MS: "0" }, "--port", "0", "--data", data);
  try {
    const url = /listens on (\S+)/.exec(await firstWords(server))?.[1] ?? "";
    expect(await credit(url)).toEqual([200, { limite: 100_000, saldo: 7 }]);
    expect(await (await fetch(`${url}/openapi.json`)).json()).toEqual({ ...openApiDocument() });
    for (const [path, begins] of [
      ["/docs", "<!doctype html>"],
      ["/docs/page.css", "/*"],
      ["/docs/page.js", "//"],
      ["/docs/swagger-ui.css", "."],
      ["/docs/swagger-ui-bundle.js", "/*!"],
      ["/docs/license.txt", "\n"],
    ] as const) {
      expect(await (await fetch(url + path)).text()).toStartWith(begins);
    }
  } finally {
    server.kill();
    expect(await server.exited).toBe(0);
  }
});

test("sends webhooks by a child of the server, which is this file, too", async () => {
  const signatures: (string | null)[] = [];
  using target = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ headers }) => {
      signatures.push(headers.get("webhook-signature"));
      return new Response(null, { status: 204 });
    },
  });
  const data = join(folder, "data-hooks");
  const server = start("serve", { DRAIN_MS: "0", WEBHOOK_INNER: "allow" }, "--port", "0", "--data", data);
  let children: readonly number[] = [];
  try {
    const url = /listens on (\S+)/.exec(await firstWords(server))?.[1] ?? "";
    const body = JSON.stringify({ url: target.url.href });
    const made = await fetch(`${url}/v1/webhooks`, { method: "POST", body });
    expect(made.status).toBe(201);
    expect((await credit(url))[0]).toBe(200);
    await eventually("it is delivered", () => signatures.length > 0);
    expect(signatures[0]).toStartWith("v1,");
    children = childrenOf(server.pid);
    expect(children.map((pid) => readlinkSync(`/proc/${pid}/exe`))).toEqual([executable]);
  } finally {
    server.kill();
    expect(await server.exited).toBe(0);
  }
  expect(children.filter((pid) => identityOf(pid) !== null)).toEqual([]);
});

describe.skipIf(serversMissing !== null)(`in a cluster (${serversMissing ?? "there"})`, () => {
  test("makes the ledger, serves, and keeps what was answered; the writer can make it as well", async () => {
    const [first, second, nats, books] = await Promise.all([
      startRedis(),
      startRedis(),
      startNats(),
      startPostgres(),
    ]);
    const running: ReturnType<typeof start>[] = [];
    try {
      for (const [initBy, redis] of [
        ["init", first],
        ["writer", second],
      ] as const) {
        const socket = join(folder, `${initBy}.sock`);
        const environment = {
          DATABASE_URL: await books.createDatabase(),
          REDIS_URL: redis.url,
          NATS_URL: nats.url,
          SOCKET: socket,
          DRAIN_MS: "0",
          // The test's PostgreSQL does not fsync.
          DURABILITY: "relaxed",
        };
        const api = start("api", environment);
        running.push(api);
        expect(await firstWords(api)).toContain(`listens on ${socket}`);
        if (initBy === "init") expect(await start("init", environment).exited).toBe(0);
        const writer = start("writer", environment, ...(initBy === "init" ? [] : ["--init"]));
        running.push(writer);
        await eventually(
          "the API is ready",
          async () => (await fetch("http://api/readyz", { unix: socket })).ok,
        );
        expect(await credit("http://api", socket)).toEqual([200, { limite: 100_000, saldo: 7 }]);
        const sql = postgres(environment.DATABASE_URL, { max: 1 });
        await eventually("it is in the books", async () => {
          const [row] = await sql<{ kept: number }[]>`SELECT count(*)::int AS kept FROM entries`;
          return row?.kept === 1;
        });
        await sql.end();
        for (const child of [writer, api]) {
          child.kill();
          expect(await child.exited).toBe(0);
        }
      }
    } finally {
      for (const child of running) child.kill("SIGKILL");
      await Promise.all([first, second, nats, books].map((each) => each.process.dispose()));
    }
  });
});
