import { expect, test } from "bun:test";
import { call } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { freePorts } from "../support/servers/free-ports.ts";
import { readMetrics } from "./support/read-metrics.ts";

export interface Hooked {
  readonly url: string;
  /** Of whoever tells of webhooks. */
  readonly metricsUrls: readonly string[];
  /** Where events are read, and where it is told who reads them: no balancer is between. */
  readonly events: { readonly url: string; readonly metricsUrl: string };
  /** In the tables of webhooks. */
  readonly change: (statement: string) => Promise<void>;
}

/** A server whose webhooks may go to this machine. */
export function hooksSection(hooked: () => Hooked): void {
  const told = async (name: string) => (await readMetrics(hooked().metricsUrls)).get(`razonete_${name}`);
  const ofEvents = async (name: string) =>
    (await readMetrics([hooked().events.metricsUrl])).get(`razonete_${name}`);
  const credit = (account: number) =>
    call(hooked().url, "POST", `/clientes/${account}/transacoes`, { valor: 1, tipo: "c", descricao: "hook" });

  test("webhooks by state, which of them does not get through, and what waits", async () => {
    const { url } = hooked();
    // Nobody listens there.
    const [port = 0] = await freePorts(1);
    const made = await call(url, "POST", "/v1/webhooks", { url: `http://127.0.0.1:${port}/` });
    expect(made.status).toBe(201);
    const { id } = Object(made.body);
    await eventually("it is active", async () => (await told('webhooks{state="active"}')) === 1);
    expect(await told(`webhook_failing{webhook="${id}"}`)).toBe(0);
    expect(await told("webhook_backlog_events")).toBe(0);
    expect(await told("webhook_parked_deliveries")).toBe(0);
    // One of each account, and so at once.
    await Promise.all([1, 2, 3, 4, 5].map(credit));
    await eventually("it fails", async () => (await told(`webhook_failing{webhook="${id}"}`)) === 1);
    expect(await told('webhooks{state="failing"}')).toBe(1);
    expect(await told('webhooks{state="active"}')).toBe(0);
    expect(await told("webhook_backlog_events")).toBe(5);
    expect(await told("dispatch_active")).toBe(1);

    expect((await call(url, "PATCH", `/v1/webhooks/${id}`, { state: "paused" })).status).toBe(200);
    await eventually("it is paused", async () => (await told('webhooks{state="paused"}')) === 1);
    expect(await told(`webhook_failing{webhook="${id}"}`)).toBeUndefined();
    await hooked().change("UPDATE deliveries SET state = 'parked'");
    expect(await told("webhook_parked_deliveries")).toBe(5);
    expect(await told("webhook_backlog_events")).toBe(0);
    expect((await fetch(`${url}/v1/webhooks/${id}`, { method: "DELETE" })).status).toBe(204);
    await eventually("it is gone", async () => (await told("webhook_parked_deliveries")) === 0);
  });

  test("who follows events, and how old these are", async () => {
    expect(await ofEvents("event_readers")).toBe(0);
    const before = (await ofEvents("event_delay_seconds_count")) ?? 0;
    const stop = new AbortController();
    const stream = await fetch(`${hooked().events.url}/v1/events`, {
      headers: { accept: "text/event-stream" },
      signal: stop.signal,
    });
    expect(stream.status).toBe(200);
    await eventually("there is a reader", async () => (await ofEvents("event_readers")) === 1);
    expect(await ofEvents("event_readers_cut_total")).toBe(0);
    await credit(1);
    await eventually(
      "a row was read",
      async () => ((await ofEvents("event_delay_seconds_count")) ?? 0) > before,
    );
    stop.abort();
    await eventually("nobody reads", async () => (await ofEvents("event_readers")) === 0);
  });
}
