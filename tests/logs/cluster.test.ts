import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { startHaproxy } from "../support/servers/haproxy.ts";
import { exchange } from "../support/servers/server-process.ts";
import { type CollectedSpan, type Collector, startCollector } from "./support/collector.ts";
import { linesOf } from "./support/log-lines.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const CREDIT = { postings: [{ from: "@world", to: "1", amount: 5 }] };
const TRACE = "0af7651916cd43dd8448eb211c80319c";

/** A server that stands still for a while answers nevertheless. */
function answerTo(port: number, request: string): Promise<string> {
  return exchange(port, request, 30_000);
}

function post(url: string, path: string, body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body), headers });
}

describe.skipIf(serversMissing !== null)("a cluster", () => {
  let collector: Collector;
  let cluster: Cluster;
  beforeAll(async () => {
    collector = startCollector();
    cluster = await Cluster.start({
      apis: 1,
      environment: {
        LOG_FORMAT: "json",
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_TRACES_SAMPLER_ARG: "1",
      },
    });
    await cluster.balanced();
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await collector?.[Symbol.asyncDispose]();
  });

  test("gives each answer HAProxy's id of the request, whatever the client sends", async () => {
    const sent = { "request-id": "mine", "x-request-id": "mine" };
    const answers = await Promise.all([
      post(cluster.url, "/v1/transactions", CREDIT, sent),
      post(cluster.url, "/clientes/1/transacoes", { valor: 1, tipo: "c", descricao: "x" }, sent),
      fetch(`${cluster.url}/v1/accounts/nobody`, { headers: sent }),
      fetch(`${cluster.url}/nowhere`),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([201, 200, 404, 404]);
    const ids = answers.map(({ headers }) => headers.get("request-id") ?? "none");
    expect(ids.filter((id) => !UUID.test(id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
    // By HAProxy itself.
    const port = Number(new URL(cluster.url).port);
    const refused = await answerTo(port, "BREW / HTTP/1.1\r\nHost: x\r\nRequest-Id: mine\r\n\r\n");
    expect(refused).toStartWith("HTTP/1.1 405 ");
    expect(UUID.test(/^request-id: (\S+)\r$/im.exec(refused)?.[1] ?? "none")).toBe(true);
  });

  test("keeps what came without a key under the id that the answer told", async () => {
    const told = await post(cluster.url, "/v1/transactions", CREDIT);
    const id = told.headers.get("request-id") ?? "none";
    const sql = connectPostgres({ url: cluster.databaseUrl, name: "test", connections_max: 1 });
    try {
      await eventually("the journal has it", async () => {
        const [row] = await sql<{ count: number }[]>`
          SELECT count(*)::integer AS count FROM journal WHERE array_to_string(events, ' ') LIKE ${`%req:${id}%`}`;
        return row?.count === 1;
      });
    } finally {
      await sql.end({ timeout: 1 });
    }
  });

  test("traces a request from its client's trace on, to the batch that Redis decided and the books' row", async () => {
    const traceparent = `00-${TRACE}-b7ad6b7169203331-01`;
    const answer = await post(cluster.url, "/v1/transactions", CREDIT, { traceparent });
    const refused = await post(
      cluster.url,
      "/v1/transactions",
      { postings: [{ from: "2", to: "@world", amount: 2 ** 50 }] },
      { traceparent },
    );
    const requests = (): CollectedSpan[] =>
      collector.spans.filter(({ trace, name }) => trace === TRACE && name === "POST /v1/transactions");
    const childOf = (parent: CollectedSpan | undefined): CollectedSpan | undefined =>
      collector.spans.find((span) => span.parent === parent?.id && span.trace === TRACE);
    await eventually("the requests have come, with their calls", () => {
      return requests().length === 2 && requests().every((span) => childOf(span) !== undefined);
    });
    const [request, other] = requests().toSorted(
      (a, b) =>
        Number(a.attributes["http.response.status_code"]) - Number(b.attributes["http.response.status_code"]),
    );
    expect([request, other]).toMatchObject([
      {
        service: "razonete-api",
        parent: "b7ad6b7169203331",
        attributes: {
          "http.route": "/v1/transactions",
          "http.response.status_code": 201,
          "razonete.request_id": answer.headers.get("request-id"),
        },
      },
      {
        attributes: {
          "http.response.status_code": 422,
          "razonete.refusal": "limit-exceeded",
          "razonete.request_id": refused.headers.get("request-id"),
        },
      },
    ]);
    const call = childOf(request);
    expect(call).toMatchObject({
      name: "redis razonete_apply",
      attributes: { "razonete.shard": 0, "razonete.batch.size": 1 },
    });
    const g = Number(call?.attributes["razonete.g"]);
    await eventually("the writer tells that it was kept", () =>
      collector.spans.some(
        ({ name, service, attributes }) =>
          name === "books.keep" &&
          service === "razonete-writer" &&
          Number(attributes["razonete.g.from"]) <= g &&
          Number(attributes["razonete.g.to"]) >= g,
      ),
    );
  });

  test("links a call with all requests that it decides", async () => {
    const isLinked = () =>
      collector.spans.some(({ name, links }) => name.startsWith("redis") && links.length > 0);
    await eventually("a call had several", async () => {
      await Promise.all(Array.from({ length: 20 }, () => post(cluster.url, "/v1/transactions", CREDIT)));
      return isLinked();
    });
    const ids = new Set(collector.spans.map(({ trace, id }) => `${trace}/${id}`));
    const linked = collector.spans.flatMap(({ links }) => links);
    await eventually("what is linked has come", () => {
      for (const { trace, id } of collector.spans) ids.add(`${trace}/${id}`);
      return linked.every((link) => ids.has(link));
    });
  });

  test("says each line as one object while servers go and come; a 503 has one id everywhere", async () => {
    const api = cluster.apis[0];
    const writer = cluster.writers[0];
    if (api === undefined || writer === undefined) throw new Error("there is no API, or no writer");
    await cluster.redis.process.kill();
    let id = "none";
    await eventually("a request gets 503 from the API", async () => {
      const answer = await fetch(`${cluster.apiUrl(0)}/v1/accounts/1`, {
        headers: { "x-request-id": "through-api" },
      });
      const body = Object(await answer.json());
      id = String(body.request_id);
      return answer.status === 503;
    });
    expect(id).toBe("through-api");
    await eventually("HAProxy knows of none that is ready", async () => {
      const answer = await fetch(`${cluster.url}/v1/accounts/1`);
      return answer.status === 503 && UUID.test(answer.headers.get("request-id") ?? "");
    });
    await cluster.nats.process.kill();
    await cluster.postgres.process.kill();
    const outages = async (log: Promise<string>) =>
      linesOf(await log).filter(({ outage }) => outage !== undefined);
    await eventually("the writer has seen it", async () => (await outages(writer.log())).length > 0);
    await cluster.postgres.process.start();
    await cluster.redis.process.start();
    await cluster.nats.process.start();
    await cluster.balanced();
    await post(cluster.url, "/v1/transactions", CREDIT);
    await api.stop();
    await writer.stop();
    const lines = linesOf(await api.log());
    expect(lines.filter(({ program }) => program !== "razonete api")).toEqual([]);
    expect(lines).toContainEqual(
      expect.objectContaining({ message: "listening", url: cluster.apiUrl(0), level: "info" }),
    );
    expect(lines).toContainEqual(
      expect.objectContaining({ request_id: id, status: 503, route: "/v1/accounts/:id", level: "warn" }),
    );
    expect(lines).toContainEqual(expect.objectContaining({ server: "NATS", outage: "away", level: "warn" }));
    expect(lines).toContainEqual(
      expect.objectContaining({ message: "NATS is back", server: "NATS", level: "info" }),
    );
    expect(linesOf(await writer.log())).toContainEqual(
      expect.objectContaining({ shard: 0, message: "shard 0: this writer is active", level: "info" }),
    );
    expect(await outages(writer.log())).toContainEqual(expect.objectContaining({ shard: 0, level: "warn" }));
  });

  test("gives its init the same form", () => {
    const { exitCode, stderr, stdout } = cluster.run("init");
    expect([exitCode, stdout.toString()]).toEqual([0, ""]);
    expect(linesOf(stderr.toString())).toMatchObject([
      { program: "razonete init", level: "info", shards: 1 },
    ]);
  });
});

test.skipIf(serversMissing !== null)(
  "HAProxy tells the id where it turns a client away, or no API is there",
  async () => {
    await using api = startApi();
    const limits = { HAPROXY_ADDRESS_RATE: "2", HAPROXY_REQUEST_ID: "yes" };
    const haproxy = await startHaproxy([api.port], false, limits);
    try {
      const url = `http://127.0.0.1:${haproxy.port}`;
      const ids = new Set<string>();
      const statuses = new Set<number>();
      const ask = async (): Promise<void> => {
        const { status, headers } = await fetch(url);
        statuses.add(status);
        ids.add(headers.get("request-id") ?? "none");
      };
      await eventually("some are too many", async () => {
        await Promise.all([ask(), ask(), ask(), ask()]);
        return statuses.has(429);
      });
      await api[Symbol.asyncDispose]();
      await eventually("no API is there", async () => {
        await ask();
        return statuses.has(503);
      });
      expect([...ids].filter((id) => !UUID.test(id))).toEqual([]);
    } finally {
      await haproxy.dispose();
    }
  },
);

test.skipIf(serversMissing !== null)(
  "HAProxy writes a line about each request where it is asked to, with the id of the answer",
  async () => {
    await using api = startApi();
    const environment = { HAPROXY_REQUEST_ID: "yes", HAPROXY_ACCESS_LOG: "yes" };
    const haproxy = await startHaproxy([api.port], false, environment);
    try {
      const { port } = haproxy;
      const headers = { authorization: "Bearer secret", "request-id": "mine" };
      const answered = await fetch(`http://127.0.0.1:${port}/v1/accounts/a?secret=1`, { headers });
      expect(answered.status).toBe(200);
      const refused = await answerTo(port, "BREW / HTTP/1.1\r\nHost: x\r\n\r\n");
      // What breaks a line of JSON, where a client may send it at all.
      const unclean = await answerTo(port, 'GET /a\\"b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      const malformed = await answerTo(port, 'G"\\T / HTTP/1.1\r\n\r\n');
      expect(malformed).toStartWith("HTTP/1.1 400 ");
      const idIn = (answer: string) => /^request-id: (\S+)\r$/im.exec(answer)?.[1] ?? "none";
      const told = async () => {
        const own = (await haproxy.log()).split("\n").filter((line) => line.startsWith("{"));
        return linesOf(`${own.join("\n")}\n`).slice(-4);
      };
      await eventually("the last one is written", async () => (await told()).at(-1)?.["status"] === 400);
      const line = { level: "info", program: "haproxy", client: "127.0.0.1" };
      expect(await told()).toMatchObject([
        {
          ...line,
          request_id: answered.headers.get("request-id"),
          message: "GET /v1/accounts/a: 200",
          server: "api-1",
        },
        { ...line, request_id: idIn(refused), message: "BREW /: 405", server: "<NOSRV>", answered_ms: -1 },
        { ...line, request_id: idIn(unclean), message: 'GET /a\\"b: 200' },
        { ...line, status: 400 },
      ]);
      expect(await haproxy.log()).not.toContain("secret");
    } finally {
      await haproxy.dispose();
    }
  },
);

function startApi() {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("") });
  return { port: server.port ?? 0, [Symbol.asyncDispose]: () => server.stop(true) };
}
