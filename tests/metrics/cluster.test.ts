import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import connect from "postgres";
import { call } from "../support/api.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { countsSection } from "./counts-section.ts";
import { hooksSection } from "./hooks-section.ts";
import { metricsText, readMetrics } from "./support/read-metrics.ts";

failOnLeaks();
setDefaultTimeout(60_000);

describe.skipIf(serversMissing !== null)("the metrics of a cluster's processes", () => {
  let cluster: Cluster;
  beforeAll(async () => {
    const environment = { WEBHOOK_INNER: "allow" };
    const others = ["dispatch", "console"] as const;
    cluster = await Cluster.start({ apis: 2, writers: 2, others, environment, observed: true });
    await cluster.balanced();
  });
  afterAll(() => cluster[Symbol.asyncDispose]());
  const urlsOf = (job: string): string[] =>
    cluster.metrics.filter((target) => target.job === job).map(({ address }) => `http://${address}/metrics`);
  const metricsOf = (name: string): string =>
    `http://${cluster.metrics.find(({ process }) => process === name)?.address}/metrics`;
  const namesOf = async (job: string): Promise<Set<string>> => {
    const all = await readMetrics(urlsOf(job));
    return new Set([...all.keys()].map((name) => name.replace(/\{.*/, "").replace("razonete_", "")));
  };

  countsSection(() => ({ url: cluster.url, metricsUrls: urlsOf("razonete-api") }));

  hooksSection(() => ({
    url: cluster.url,
    metricsUrls: urlsOf("razonete-dispatch"),
    events: { url: cluster.apiUrl(0), metricsUrl: metricsOf("api-1") },
    change: async (statement) => {
      const sql = connect(cluster.databaseUrl, { max: 1 });
      await sql.unsafe(statement);
      await sql.end();
    },
  }));

  test("a console tells of itself, and what it is asked", async () => {
    const names = await namesOf("razonete-console");
    for (const name of [
      "http_requests_total",
      "http_duration_seconds_count",
      "build_info",
      "process_open_fds",
    ])
      expect([name, names.has(name)]).toEqual([name, true]);
    // It is no API, and must not seem to be one that is ready.
    expect(names.has("ready")).toBe(false);
  });

  test("APIs tell all that docs/observe.md names for them", async () => {
    const names = await namesOf("razonete-api");
    for (const name of [
      "http_requests_total",
      "http_duration_seconds_count",
      "decisions_total",
      "refusals_total",
      "batch_commands_count",
      "decide_seconds_count",
      "ready",
      "fence_open",
      "fence_info",
      "redis_refuses",
      "shard_g",
      "books_lag_batches",
      "books_lag_seconds",
      "outbox_batches",
      "outbox_batches_max",
      "lost_batches",
      "diverged",
      "holds_open",
      "holds_overdue",
      "parts_open",
      "parts_oldest_seconds",
      "build_info",
      "process_cpu_seconds_total",
    ])
      expect([name, names.has(name)]).toEqual([name, true]);
  });

  test("writers tell all that it names for them, and of NATS; one is active", async () => {
    expect(cluster.run("audit").exitCode).toBe(0);
    await eventually("a writer is active, and has added up", async () => {
      const all = await readMetrics(urlsOf("razonete-writer"));
      return (
        all.get('razonete_writer_active{shard="0"}') === 1 && all.has('razonete_unit_imbalance{unit="BRL/2"}')
      );
    });
    const names = await namesOf("razonete-writer");
    for (const name of [
      "writer_active",
      "keep_seconds_count",
      "kept_entries_total",
      "unit_imbalance",
      "audit_finished_timestamp_seconds",
      "audit_agreed",
      "nats_up",
      "nats_connections",
      "nats_received_messages_total",
      "nats_stored_bytes",
      "process_open_fds",
      "build_info",
    ])
      expect([name, names.has(name)]).toEqual([name, true]);
    const told = await readMetrics(urlsOf("razonete-writer"));
    expect(told.get('razonete_unit_imbalance{unit="BRL/2"}')).toBe(0);
    expect(told.get("razonete_audit_agreed")).toBe(1);
  });

  test("HAProxy tells of itself, and hands /metrics to nobody", async () => {
    const [haproxy = ""] = urlsOf("haproxy");
    expect(await metricsText(haproxy)).toContain('haproxy_backend_active_servers{proxy="apis"} 2');
    expect((await fetch(haproxy.replace("/metrics", "/other"))).status).toBe(404);
    expect((await fetch(`${cluster.url}/metrics`)).status).toBe(404);
  });

  test("what is decided is seen on its way into the books", async () => {
    const [api = ""] = urlsOf("razonete-api");
    const valueOf = async (name: string) => (await readMetrics([api])).get(`razonete_${name}`);
    const lagIs = async (batches: number) => (await valueOf('books_lag_batches{shard="0"}')) === batches;
    // Nothing is on its way when they stop: PostgreSQL would take it in nevertheless.
    await eventually("the books have what was before", () => lagIs(0));
    for (const writer of cluster.writers) writer.signal("SIGSTOP");
    try {
      for (let count = 0; count < 3; count += 1)
        await call(cluster.url, "POST", "/clientes/1/transacoes", { valor: 1, tipo: "c", descricao: "lag" });
      await eventually("the books lack it", () => lagIs(3));
      expect(await valueOf('outbox_batches{shard="0"}')).toBeGreaterThanOrEqual(3);
      expect(await valueOf('books_lag_seconds{shard="0"}')).toBeGreaterThan(0);
    } finally {
      for (const writer of cluster.writers) writer.signal("SIGCONT");
    }
    await eventually("the books have it", () => lagIs(0));
    const [g, kept] = [
      await valueOf('shard_g{shard="0",in="redis"}'),
      await valueOf('shard_g{shard="0",in="books"}'),
    ];
    expect(kept).toBe(g);
  });

  test("with every server frozen an API still tells of itself", async () => {
    const [api = ""] = urlsOf("razonete-api");
    const { redis, nats, postgres } = cluster;
    postgres.freeze();
    for (const { process } of [redis, nats]) process.signal("SIGSTOP");
    try {
      await eventually(
        "the API is not ready",
        async () => (await readMetrics([api])).get("razonete_ready") === 0,
      );
      const told = await readMetrics([api]);
      expect(told.get("razonete_fence_open")).toBe(0);
      expect(told.has('razonete_outbox_batches{shard="0"}')).toBe(false);
      expect(told.get("razonete_outbox_batches_max")).toBe(100_000);
    } finally {
      postgres.thaw();
      for (const { process } of [redis, nats]) process.signal("SIGCONT");
    }
    await eventually("it tells of Redis again", async () =>
      (await readMetrics([api])).has('razonete_outbox_batches{shard="0"}'),
    );
  });
});
