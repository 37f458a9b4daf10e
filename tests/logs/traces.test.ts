import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { startHttpServer } from "../../src/http/server.ts";
import { LedgerUnavailable } from "../../src/ledger/ledger.ts";
import { OtelTracing } from "../../src/traces/otel.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startCollector } from "./support/collector.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const CREDIT = { postings: [{ from: "@world", to: "1", amount: 5 }] };
const SAMPLED = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
const NOT_SAMPLED = `00-${"c".repeat(32)}-${"b".repeat(16)}-00`;

function credit(url: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}/v1/transactions`, { method: "POST", body: JSON.stringify(CREDIT), headers });
}

function traced(endpoint: string, settings: Readonly<Record<string, string>> = {}) {
  return { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...settings };
}

test("a request's trace has the commit in which it was decided, and ends with the server", async () => {
  using folder = temporaryFolder();
  await using collector = startCollector();
  const environment = traced(`${collector.url}/`, { OTEL_TRACES_SAMPLER_ARG: "1" });
  await using server = await startServer({ data: folder.path, environment });
  await Promise.all([credit(server.url), credit(server.url), credit(server.url)]);
  await fetch(`${server.url}/livez`);
  // What has not been sent by then is sent now.
  await server.stop();
  expect(new Set(collector.requests)).toEqual(new Set(["/v1/traces application/x-protobuf"]));
  const requests = collector.spans.filter(({ name }) => name === "POST /v1/transactions");
  const commits = collector.spans.filter(({ name }) => name === "sqlite commit");
  expect(collector.spans).toHaveLength(requests.length + commits.length);
  expect([requests.length, new Set(requests.map(({ trace }) => trace)).size]).toEqual([3, 3]);
  const decided = commits.flatMap(({ trace, parent, links }) => [`${trace}/${parent}`, ...links]);
  expect(decided.toSorted()).toEqual(requests.map(({ trace, id }) => `${trace}/${id}`).toSorted());
});

test("each attempt of a webhook is a span, without what its URL may keep secret", async () => {
  using folder = temporaryFolder();
  await using collector = startCollector();
  const environment = traced(collector.url, { OTEL_TRACES_SAMPLER_ARG: "1", WEBHOOK_INNER: "allow" });
  await using server = await startServer({ data: folder.path, environment });
  let received = 0;
  using target = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response(null, { status: (received += 1) === 1 ? 503 : 204 }),
  });
  const body = JSON.stringify({ url: `http://127.0.0.1:${target.port}/secret` });
  const made = await fetch(`${server.url}/v1/webhooks`, { method: "POST", body });
  const { id } = z.object({ id: z.string() }).parse(await made.json());
  await credit(server.url);
  await eventually("it was tried twice", () => received === 2);
  const attempts = () => collector.spans.filter(({ name }) => name === "webhook POST");
  await eventually("both are collected", () => attempts().length === 2);
  const common = { "razonete.webhook": id, "server.address": "127.0.0.1" };
  expect(attempts()).toMatchObject([
    { service: "razonete-dispatch", failed: true, attributes: { ...common, "razonete.attempt": 1 } },
    {
      failed: false,
      attributes: { ...common, "razonete.attempt": 2, "http.response.status_code": 204 },
    },
  ]);
  expect(JSON.stringify(attempts())).not.toContain("secret");
});

test("what fails is told as failed", async () => {
  using folder = temporaryFolder();
  await using collector = startCollector();
  const tracing = new OtelTracing("test", { endpoint: collector.url, ratio: 1, followsParent: true });
  const ledger = new EmbeddedLedger({ file: join(folder.path, "razonete.db"), tracing });
  const server = startHttpServer(ledger, {
    address: { host: "127.0.0.1", port: 0 },
    onDefect: () => {},
    tracing,
  });
  Object.assign(ledger, { totals: () => Promise.reject(new LedgerUnavailable("away", "none")) });
  expect((await fetch(`${server.url}/v1/ledger`)).status).toBe(503);
  expect((await fetch(`${server.url}/v1/accounts/nobody`)).status).toBe(404);
  // Another program breaks the file.
  const file = new Database(join(folder.path, "razonete.db"));
  file.run("DROP TABLE journal");
  file.close();
  expect((await credit(server.url)).status).toBe(503);
  await server.stop();
  await ledger.close();
  await tracing.close();
  expect(collector.spans.map(({ name, failed }) => [name, failed])).toEqual([
    ["GET /v1/ledger", true],
    ["GET /v1/accounts/:id", false],
    ["sqlite commit", true],
    ["POST /v1/transactions", true],
  ]);
});

describe("which requests are traced", () => {
  test.each([
    // Where a client has decided, that counts.
    ["0", {}, ["a"]],
    ["1", {}, ["a", "none"]],
    // Unless only the share counts, by the trace's id: so that nobody makes the server work.
    ["0", { OTEL_TRACES_SAMPLER: "traceidratio" }, []],
    ["1", { OTEL_TRACES_SAMPLER: "traceidratio" }, ["a", "c", "none"]],
  ])("a share of %s, and %o", async (share, sampler, expected) => {
    using folder = temporaryFolder();
    await using collector = startCollector();
    const environment = traced(collector.url, { OTEL_TRACES_SAMPLER_ARG: share, ...sampler });
    await using server = await startServer({ data: folder.path, environment });
    await credit(server.url, { traceparent: SAMPLED });
    await credit(server.url, { traceparent: NOT_SAMPLED });
    await credit(server.url);
    await server.stop();
    const requests = collector.spans.filter(({ name }) => name.startsWith("POST"));
    const whose = requests.map(({ trace }) => (/^(a|c)\1{31}$/.test(trace) ? trace.slice(0, 1) : "none"));
    expect(whose.toSorted()).toEqual(expected);
    // What a request is part of is traced with it, and nothing else is.
    expect(new Set(collector.spans.map(({ trace }) => trace))).toEqual(
      new Set(requests.map(({ trace }) => trace)),
    );
  });
});

test.each([
  ["is not there", null],
  ["answers 500", () => new Response("", { status: 500 })],
  ["answers what is no answer", () => new Response("no", { headers: { "content-type": "text/plain" } })],
  ["never answers", () => new Promise<Response>(() => {})],
])("a collector that %s costs no answer, and says nothing", async (_, answer) => {
  using folder = temporaryFolder();
  await using collector = startCollector(answer ?? undefined);
  if (answer === null) await collector[Symbol.asyncDispose]();
  const environment = traced(collector.url, { OTEL_TRACES_SAMPLER_ARG: "1" });
  await using server = await startServer({ data: folder.path, environment });
  // More than may wait.
  for (let batch = 0; batch < 30; batch += 1) {
    const answers = await Promise.all(Array.from({ length: 100 }, () => credit(server.url)));
    expect(answers.filter(({ status }) => status !== 201)).toEqual([]);
  }
  if (answer !== null) await eventually("it was asked", () => collector.requests.length > 0);
  expect(await server.stop()).toBe(0);
  expect(server.output().stderr).toBe("");
});

describe("what OpenTelemetry brings", () => {
  const loaded = async (environment: Readonly<Record<string, string>>): Promise<string> => {
    using folder = temporaryFolder();
    const preload = join(import.meta.dir, "support/loaded-modules.ts");
    const wrapper = ["/bin/sh", "-c", 'bun=$1; shift; exec "$bun" --preload "$0" "$@"', preload];
    await using server = await startServer({ data: folder.path, environment, wrapper });
    expect((await credit(server.url)).status).toBe(201);
    await server.stop();
    return server.output().stderr;
  };

  test("is not loaded where no traces are collected", async () => {
    // The interface alone is also part of what counts metrics.
    expect((await loaded({})).replace("loaded @opentelemetry/api\n", "")).toBe("");
    await using collector = startCollector();
    expect(await loaded(traced(collector.url))).toContain("loaded @opentelemetry/sdk-trace\n");
  });
});
