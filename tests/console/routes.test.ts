import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { ConsoleStatus } from "../../src/console/console-status.ts";
import { DETAILS } from "../../src/console/part-details.ts";
import { consoleRoutes } from "../../src/console/routes.ts";
import type { StatusSource } from "../../src/console/status-source.ts";
import { type HttpServer, startHttpServer } from "../../src/http/server.ts";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { join } from "node:path";
import { OPEN } from "../../src/access/access-keys.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { StandInKeys } from "./support/stand-in-keys.ts";

const STATUS: ConsoleStatus = {
  at: "2026-01-01T00:00:00.000000Z",
  shape: "embedded",
  version: "0.0.0",
  second: { transactions: 1, refusals: 2, p50_ms: 3, p99_ms: null },
  refusals: [{ problem: "limit-exceeded", count: 2 }],
  books: { lag_ms: 0, batches: 0 },
  outbox: null,
  parts: [{ name: "server", state: "up", since: "2026-01-01T00:00:00.000000Z", detail: null }],
  audit: null,
  units: [],
  webhooks: { active: 0, failing: 0, parked: 0, backlog: 0 },
};

const PAGE = [
  ["/", "text/html; charset=utf-8"],
  ["/console/console.css", "text/css; charset=utf-8"],
  ["/console/console.js", "text/javascript; charset=utf-8"],
] as const;

describe("the console's routes", () => {
  const folder = temporaryFolder();
  const ledger = new EmbeddedLedger({ file: join(folder.path, "razonete.db") });
  const keys = new StandInKeys();
  let status = STATUS;
  const source: StatusSource = { status: () => Promise.resolve(status), close: () => Promise.resolve() };
  const defects: string[] = [];
  const options = {
    address: { host: "127.0.0.1", port: 0 },
    onDefect: (message: string) => defects.push(message),
  };
  let keyed: HttpServer;
  let open: HttpServer;
  let bare: HttpServer;
  beforeAll(() => {
    const routes = consoleRoutes(source);
    keyed = startHttpServer(ledger, { ...options, access: keys, routes });
    open = startHttpServer(ledger, { ...options, access: OPEN, routes });
    bare = startHttpServer(ledger, options);
  });
  afterAll(async () => {
    await Promise.all([keyed, open, bare].map((server) => server.stop()));
    await ledger.close();
    folder[Symbol.dispose]();
    expect(defects).toEqual([]);
  });

  const get = (path: string, headers: Record<string, string> = {}) => fetch(keyed.url + path, { headers });
  const withKey = (name: string) => ({ authorization: `Bearer ${name}` });
  const problemIn = async (answer: Response): Promise<unknown[]> => {
    const { type } = Object(await answer.json());
    return [answer.status, String(type).replace("urn:razonete:problem:", "")];
  };

  test.each(PAGE)("%s is read without a key, and asks no other host", async (path, type) => {
    const answer = await get(path);
    expect(answer.status).toBe(200);
    const headers = Object.fromEntries(answer.headers);
    expect(headers).toMatchObject({
      "content-type": type,
      "cache-control": "no-cache",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    });
    const policy = String(headers["content-security-policy"]).split("; ");
    expect(policy.toSorted()).toEqual(
      [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
      ].toSorted(),
    );
    expect((await answer.text()).length).toBeGreaterThan(10);
  });

  test.each(PAGE)("%s is sent again only where it is another", async (path) => {
    const tag = (await get(path)).headers.get("etag") ?? "";
    expect(tag).toMatch(/^"[\w-]{22}"$/);
    for (const known of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
      const again = await get(path, { "if-none-match": known });
      expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", tag]);
    }
    for (const known of ['"other"', tag.slice(0, -2), ""])
      expect((await get(path, { "if-none-match": known })).status).toBe(200);
    const head = await fetch(keyed.url + path, { method: "HEAD" });
    expect([head.status, await head.text(), head.headers.get("etag")]).toEqual([200, "", tag]);
    expect(await problemIn(await fetch(keyed.url + path, { method: "POST" }))).toEqual([
      405,
      "method-not-allowed",
    ]);
  });

  test("the status is told in Portuguese to who asks for that, as far as it is the console's own words", async () => {
    const details = [
      ...Object.values(DETAILS),
      ["It does not answer (connection refused).", "Não responde (connection refused)."],
      ["It answers 502.", "Responde 502."],
      ["the disk is full", "the disk is full"],
    ] as const;
    status = {
      ...STATUS,
      parts: [
        ...STATUS.parts,
        ...details.map(([detail]) => ({ name: "x", state: "down" as const, since: STATUS.at, detail })),
      ],
    };
    const toldIn = async (language: string) => {
      const headers = { "accept-language": language };
      const { parts }: ConsoleStatus = JSON.parse(
        await (await fetch(`${open.url}/console/status`, { headers })).text(),
      );
      return parts.map(({ detail }) => detail);
    };
    expect(await toldIn("pt-BR,pt;q=0.9,en;q=0.8")).toEqual([
      null,
      ...details.map(([, portuguese]) => portuguese),
    ]);
    expect(await toldIn("pt")).toEqual(await toldIn("pt-BR"));
    for (const other of ["en,pt", "*", "ptx"])
      expect(await toldIn(other)).toEqual([null, ...details.map(([english]) => english)]);
    status = STATUS;
  });

  test("what the page names is what is served", async () => {
    // An icon may be in the page itself.
    const html = (await (await get("/")).text()).replaceAll(/="data:[^"]*"/g, '="data:,"');
    const named = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => String(path));
    const own = named.filter((path) => !path.startsWith("data:") && path !== "/docs");
    expect(own.toSorted()).toEqual(["/console/console.css", "/console/console.js"]);
    expect(html).not.toMatch(/https?:\/\/|<style|<script>|style="| on\w+="/);
  });

  test("nothing else of its folder is", async () => {
    const paths = [
      "/console",
      "/console/",
      "/console/console.htm",
      "/console/routes.ts",
      "/console/../package.json",
    ];
    for (const path of [...paths, "/console/..%2f..%2fpackage.json", "/index.html", "/console/status/x"])
      expect([path, ...(await problemIn(await get(path)))]).toEqual([path, 404, "route-not-found"]);
  });

  test("the status is for keys with ledger:read and every account", async () => {
    expect(await problemIn(await get("/console/status"))).toEqual([401, "key-missing"]);
    expect(await problemIn(await get("/console/status", withKey("wrong")))).toEqual([401, "key-invalid"]);
    keys.add("accounts", ["accounts:read", "transactions:read", "events:read"]);
    keys.add("bound", ["ledger:read"], "acme:");
    for (const name of ["accounts", "bound"])
      expect(await problemIn(await get("/console/status", withKey(name)))).toEqual([403, "scope-missing"]);
    keys.add("looker", ["ledger:read"]);
    keys.add("admin", ["admin"]);
    for (const name of ["looker", "admin"]) {
      const answer = await get("/console/status", withKey(name));
      expect([answer.status, answer.headers.get("cache-control")]).toEqual([200, "no-store"]);
      expect(await answer.json()).toEqual({ ...STATUS });
    }
    expect(await problemIn(await get("/console/status?x=1", withKey("looker")))).toEqual([
      422,
      "invalid-fields",
    ]);
    keys.revoke("looker");
    await Bun.sleep(600);
    expect(await problemIn(await get("/console/status", withKey("looker")))).toEqual([401, "key-invalid"]);
  });

  test("an open server tells it to whoever reaches it", async () => {
    expect(await (await fetch(`${open.url}/console/status`)).json()).toEqual({ ...STATUS });
  });

  test("a server without a console has nothing there", async () => {
    for (const [path] of [...PAGE, ["/console/status"]])
      expect(await problemIn(await fetch(bare.url + path))).toEqual([404, "route-not-found"]);
  });
});
