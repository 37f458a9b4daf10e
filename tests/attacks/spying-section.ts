import { describe, expect, test } from "bun:test";
import { ROUTES } from "../../src/http/routes.ts";
import { eventually } from "../support/eventually.ts";
import { SlowClients } from "./support/slow-clients.ts";
import { OTHER, type Stage } from "./support/stage.ts";

/** What is open to all, or was forgotten to be closed. */
export function spyingSection(stage: Stage): void {
  describe("spying", () => {
    test("pages that need no key, for anything that is secret", async () => {
      const open = Object.entries(ROUTES).flatMap(([path, methods]) =>
        Object.values(methods).some(({ needs }) => needs === null) ? [path] : [],
      );
      expect(open).toContain("/readyz");
      const caller = stage.withToken(null);
      for (const path of open) {
        const { status, body } = await caller.get(path);
        expect([path, status]).toEqual([path, 200]);
        for (const secret of [
          ...Object.values(stage.tokens),
          "globex",
          "acme:a",
          "postgres://",
          "redis://",
          "/tmp/",
        ])
          expect([path, body.includes(secret)]).toEqual([path, false]);
      }
    });

    test("a thousand connections that read a page slowly, or stall in a long body, to take all that the APIs have", async () => {
      const page = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n";
      const body = `POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n${" ".repeat(9_000)}`;
      for (const text of [page, body]) {
        using slow = new SlowClients(stage.port(), stage.freshAddress());
        await slow.open(1_100, text);
        const { status } = await stage.with("reader").get("/v1/accounts/acme:a");
        expect([text.slice(0, 20), status]).toEqual([text.slice(0, 20), 200]);
      }
      // Pages have few places of their own, also where they are read from many addresses.
      using all = new DisposableStack();
      for (let address = 0; address < 110; address += 1)
        await all.use(new SlowClients(stage.port(), stage.freshAddress())).open(10, page);
      expect((await stage.with("reader").get("/v1/accounts/acme:a")).status).toBe(200);
    });

    test("metrics, without a key for every account", async () => {
      // In the cluster they have ports of their own, and the balancer knows no such page.
      const { status } = await stage.withToken(null).get("/metrics");
      expect([401, 404]).toContain(status);
      const refused = status === 401 ? 403 : 404;
      for (const name of ["acme", "events"] as const)
        expect([name, (await stage.with(name).get("/metrics")).status]).toEqual([name, refused]);
    });

    test("pages that others often have: statistics, configuration, keys, files beside the page", async () => {
      const paths = [
        "/stats",
        "/haproxy?stats",
        "/;csv",
        "/health",
        "/debug/pprof",
        "/server-status",
        "/.env",
        "/.git/config",
        "/stack.json",
        "/data/razonete.db",
        "/razonete.db-keys",
        "/v1/keys",
        "/v1/access-keys",
        "/keys",
        "/admin",
        "/docs/",
        "/docs/routes.ts",
        "/docs/../page.htm",
        "/docs/..%2f..%2f..%2fpackage.json",
        "/docs/%2e%2e/%2e%2e/server.ts",
        "/docs/page.js/../../../../etc/passwd",
        "/console/",
        "/console/routes.ts",
        "/console/..%2f..%2fpackage.json",
        "/openapi.json/../v1/keys",
        "/etc/passwd",
        "/_bun/",
        "/src/cli/main.ts",
      ];
      for (const path of paths)
        for (const caller of [stage.withToken(null), stage.with("admin")]) {
          const { status, problem } = await caller.get(path);
          expect([path, status, problem]).toEqual([path, 404, "route-not-found"]);
        }
    });

    test("the names of keys, in what they have done and in what they are refused", async () => {
      // Every answer of all these tests is looked through for them; here are those that are about a key.
      const made = await stage.with("within").post("/v1/transactions", {
        postings: [{ from: "acme:a", to: "acme:b", amount: 1 }],
      });
      expect(made.status).toBe(201);
      const id = String(made.json["id"]);
      for (const path of [
        `/v1/transactions/${id}`,
        "/v1/accounts/acme:a/entries",
        "/v1/transactions?account=acme:a",
        "/clientes/acme:a/extrato",
      ])
        expect((await stage.with("acme").get(path)).status).toBe(200);
      expect((await stage.with("events").get("/v1/accounts")).status).toBe(403);
      expect((await stage.with("acme").get("/v1/ledger")).status).toBe(403);
    });

    test("header lines in what an answer repeats: cursors, ids, addresses of the next page", async () => {
      const injected = "%0d%0aSet-Cookie:%20stolen=1%0d%0a";
      const admin = stage.with("admin");
      for (const path of [
        `/v1/accounts?limit=1&name=${injected}`,
        `/v1/accounts?limit=1&metadata.${injected}=x`,
        `/v1/transactions?limit=1&account=${OTHER}&reference=${injected}`,
        `/v1/accounts/${injected}`,
        `/v1/accounts/${OTHER}/entries?limit=1&cursor=${injected}`,
        `/${injected}`,
      ]) {
        const { status, headers } = await admin.get(path, { "idempotency-key": "a\u00e9" });
        expect([path, status > 0, headers.has("set-cookie")]).toEqual([path, true, false]);
      }
      // Where there is a next page, its address has what was asked for.
      const name = decodeURIComponent(injected);
      for (const id of ["acme:header-1", "acme:header-2"])
        await stage.made("/v1/accounts", { id, unit: "BRL/2", name });
      await eventually("the list has both", async () => {
        const { headers } = await admin.get(`/v1/accounts?limit=1&name=${injected}`);
        expect(headers.has("set-cookie")).toBe(false);
        return headers.get("link")?.includes("name=%0D%0ASet-Cookie") === true;
      });
    });
  });
}
