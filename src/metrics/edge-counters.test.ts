import { describe, expect, test } from "bun:test";
import { REFUSALS } from "../ledger/refusal.ts";
import { EdgeCounters } from "./edge-counters.ts";
import { addEdge, Metrics } from "./registry.ts";

const textOf = (counters: EdgeCounters): Promise<string> => {
  const metrics = new Metrics();
  addEdge(metrics, counters);
  return metrics.text();
};
const lines = async (counters: EdgeCounters, name: string): Promise<string[]> =>
  (await textOf(counters)).split("\n").filter((line) => line.startsWith(`razonete_${name}`));

describe("requests", () => {
  test("are counted by route and status", async () => {
    const counters = new EdgeCounters();
    const post = counters.add("/clientes/:id/transacoes", "POST", "contest");
    const get = counters.add("/v1/accounts/:id", "GET", "read");
    const at = performance.now();
    for (const status of [200, 200, 422]) counters.answered(post, status, at);
    counters.answered(get, 404, at);
    expect((await lines(counters, "http_requests_total")).toSorted()).toEqual([
      'razonete_http_requests_total{route="/clientes/:id/transacoes",method="POST",status="200"} 2',
      'razonete_http_requests_total{route="/clientes/:id/transacoes",method="POST",status="422"} 1',
      'razonete_http_requests_total{route="/v1/accounts/:id",method="GET",status="200"} 0',
      'razonete_http_requests_total{route="/v1/accounts/:id",method="GET",status="404"} 1',
    ]);
  });

  test("one of a status that we do not answer with is counted, too", async () => {
    const counters = new EdgeCounters();
    const route = counters.add("/", "GET", null);
    for (const status of [418, 0, 599, 600, 100_000, -1]) counters.answered(route, status, performance.now());
    expect(await lines(counters, "http_requests_total")).toContain(
      'razonete_http_requests_total{route="/",method="GET",status="other"} 6',
    );
  });

  test("are timed by group, and those of no group are not", async () => {
    const counters = new EdgeCounters();
    const contest = counters.add("/a", "POST", "contest");
    const none = counters.add("/b", "GET", null);
    counters.answered(contest, 200, performance.now() - 20);
    counters.answered(none, 200, performance.now());
    const counts = await lines(counters, "http_duration_seconds_count");
    expect(counts.toSorted()).toEqual([
      'razonete_http_duration_seconds_count{group="batch"} 0',
      'razonete_http_duration_seconds_count{group="command"} 0',
      'razonete_http_duration_seconds_count{group="contest"} 1',
      'razonete_http_duration_seconds_count{group="read"} 0',
    ]);
    const buckets = await lines(counters, 'http_duration_seconds_bucket{group="contest"');
    expect(buckets[0]).toEndWith('le="0.0005"} 0');
    expect(buckets.at(-1)).toEndWith('le="+Inf"} 1');
  });
});

describe("decisions", () => {
  test("are counted by command, and by whether they were made before", async () => {
    const counters = new EdgeCounters();
    counters.decided("transact", { type: "accepted", replayed: false });
    counters.decided("transact", { type: "accepted", replayed: true });
    counters.decided("hold", { type: "accepted", replayed: false });
    const told = await lines(counters, "decisions_total");
    expect(told).toContain('razonete_decisions_total{command="transact",outcome="accepted"} 1');
    expect(told).toContain('razonete_decisions_total{command="transact",outcome="replayed"} 1');
    expect(told).toContain('razonete_decisions_total{command="hold",outcome="accepted"} 1');
    expect(told).toContain('razonete_decisions_total{command="release",outcome="accepted"} 0');
  });

  test("refusals by command and reason", async () => {
    const counters = new EdgeCounters();
    for (const refusal of REFUSALS)
      counters.decided("capture", { type: "refused", replayed: false, refusal });
    const told = await lines(counters, 'refusals_total{command="capture"');
    expect(told.length).toBe(REFUSALS.length);
    expect(told.every((line) => line.endsWith(" 1"))).toBe(true);
    expect(await lines(counters, 'decisions_total{command="capture",outcome="accepted"} 1')).toEqual([]);
  });
});
