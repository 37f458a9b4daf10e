import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Database } from "bun:sqlite";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { call } from "../support/api.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { TestCa } from "../support/servers/certificates.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { countsSection } from "./counts-section.ts";
import { hooksSection } from "./hooks-section.ts";
import { metricsText, readMetrics } from "./support/read-metrics.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");

describe("the embedded server's metrics", () => {
  const folder = temporaryFolder();
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer({ data: folder.path, environment: { WEBHOOK_INNER: "allow" } });
  });
  afterAll(async () => {
    await server.kill();
    folder[Symbol.dispose]();
  });
  const run = (...args: readonly string[]) =>
    Bun.spawnSync([process.execPath, MAIN, ...args], { env: { PATH: process.env["PATH"] ?? "" } });
  const told = () => readMetrics([`${server.url}/metrics`]);

  countsSection(() => ({ url: server.url, metricsUrls: [`${server.url}/metrics`] }));

  hooksSection(() => ({
    url: server.url,
    metricsUrls: [`${server.url}/metrics`],
    events: { url: server.url, metricsUrl: `${server.url}/metrics` },
    change: async (statement) => {
      const db = new Database(join(folder.path, "razonete.db-hooks"));
      db.run("PRAGMA busy_timeout = 5000");
      db.run(statement);
      db.close();
    },
  }));

  test("tell all that docs/observe.md names for it", async () => {
    run("audit", "--data", folder.path);
    const names = [...(await told()).keys()].map((name) => name.replace(/\{.*/, ""));
    const expected = [
      "http_requests_total",
      "http_duration_seconds_count",
      "decisions_total",
      "refusals_total",
      "batch_commands_count",
      "decide_seconds_count",
      "fsync_seconds_count",
      "ready",
      "shard_g",
      "holds_open",
      "holds_overdue",
      "unit_imbalance",
      "audit_finished_timestamp_seconds",
      "audit_agreed",
      "build_info",
    ].map((name) => `razonete_${name}`);
    const ofProcess = ["cpu_seconds_total", "resident_memory_bytes", "start_time_seconds", "open_fds"];
    expect(names).toEqual(
      expect.arrayContaining([...expected, ...ofProcess.map((name) => `process_${name}`)]),
    );
  });

  test("open holds, while they are open", async () => {
    const open = async () => (await told()).get("razonete_holds_open") ?? 0;
    const before = await open();
    const held = await call(server.url, "POST", "/v1/holds", { from: "2", amount: 1 });
    expect(await open()).toBe(before + 1);
    await call(server.url, "POST", `${held.headers.get("location")}/release`, {});
    expect(await open()).toBe(before);
  });

  test("the last audit, and whether all agreed; what it notes is for its user alone", async () => {
    expect(run("audit", "--data", folder.path).exitCode).toBe(0);
    const agreed = await told();
    expect(agreed.get("razonete_audit_agreed")).toBe(1);
    const finished = agreed.get("razonete_audit_finished_timestamp_seconds") ?? 0;
    expect(Math.abs(Date.now() / 1000 - finished)).toBeLessThan(3600);
    expect(statSync(join(folder.path, "razonete.db-audit.json")).mode & 0o777).toBe(0o600);
    const db = new Database(join(folder.path, "razonete.db"));
    db.run("UPDATE accounts SET held = held + 1 WHERE account = '5'");
    db.close();
    expect(run("audit", "--data", folder.path).exitCode).toBe(1);
    expect((await told()).get("razonete_audit_agreed")).toBe(0);
  });

  test("with access keys only to one who may read the whole ledger", async () => {
    using keyed = temporaryFolder();
    // A key is made for a ledger that is there.
    await (await startServer({ data: keyed.path })).stop();
    const make = (name: string, ...more: readonly string[]): string => {
      const made = run("keys", "create", "--data", keyed.path, "--json", "--name", name, ...more);
      return z.object({ key: z.string() }).parse(JSON.parse(made.stdout.toString())).key;
    };
    const all = make("prometheus", "--scopes", "ledger:read");
    const bound = make("bound", "--scopes", "ledger:read", "--accounts", "acme:*");
    const other = make("other", "--scopes", "accounts:read");
    await using closed = await startServer({ data: keyed.path });
    const statusOf = async (token?: string) => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return (await fetch(`${closed.url}/metrics`, { headers })).status;
    };
    expect([await statusOf(all), await statusOf(bound), await statusOf(other), await statusOf()]).toEqual([
      200, 403, 403, 401,
    ]);
  });

  test("the end of its certificate", async () => {
    using tls = temporaryFolder();
    const { cert, key } = new TestCa(tls.path, "metrics").issue("IP:127.0.0.1", 10);
    const flags = ["--tls-cert", cert, "--tls-key", key];
    await using secure = await startServer({ data: join(tls.path, "data"), flags });
    const response = await fetch(`${secure.url}/metrics`, { tls: { rejectUnauthorized: false } });
    const expires = Number(
      /^razonete_certificate_expires_timestamp_seconds (\S+)/m.exec(await response.text())?.[1],
    );
    expect(Math.round((expires - Date.now() / 1000) / 86_400)).toBe(10);
  });

  test("nothing of an account is in them", async () => {
    await call(server.url, "POST", "/v1/accounts", { id: "private:name", unit: "BRL/2", name: "Somebody" });
    await call(server.url, "GET", "/v1/accounts/private:name");
    expect(await metricsText(`${server.url}/metrics`)).not.toMatch(/private|Somebody/);
    expect(existsSync(join(folder.path, "razonete.db"))).toBe(true);
  });
});
