import { z } from "zod";
import type { Metrics } from "./registry.ts";

/** NATS has no exporter in Debian. Its own monitoring page has what one would tell. */
const varz = z.object({
  connections: z.number(),
  slow_consumers: z.number(),
  in_msgs: z.number(),
  out_msgs: z.number(),
  mem: z.number(),
  jetstream: z.object({ stats: z.object({ storage: z.number() }) }),
});
type Varz = z.infer<typeof varz>;

const FIGURES = [
  ["nats_connections", "gauge", "Clients of NATS.", ({ connections }) => connections],
  [
    "nats_slow_consumers_total",
    "counter",
    "Subscribers that were too slow.",
    (state) => state.slow_consumers,
  ],
  ["nats_received_messages_total", "counter", "Messages that came in.", ({ in_msgs }) => in_msgs],
  ["nats_sent_messages_total", "counter", "Messages that went out.", ({ out_msgs }) => out_msgs],
  ["nats_memory_bytes", "gauge", "Memory that NATS holds.", ({ mem }) => mem],
  [
    "nats_stored_bytes",
    "gauge",
    "What its streams have on disk.",
    ({ jetstream }) => jetstream.stats.storage,
  ],
] as const satisfies readonly (readonly [string, "gauge" | "counter", string, (state: Varz) => number])[];

/** @param urls of the servers' monitoring ports, such as http://127.0.0.1:8222. Of several, each has its label. */
export function addNats(metrics: Metrics, urls: readonly string[]): void {
  const servers = urls.map((url) => ({
    labels: urls.length > 1 ? { server: new URL(url).host } : {},
    look: metrics.share(async () => {
      const response = await fetch(new URL("/varz", url));
      return varz.parse(await response.json());
    }),
  }));
  metrics.addAs("nats_up", "gauge", "Whether NATS answers: 1 or 0.", () =>
    Promise.all(
      servers.map(async ({ labels, look }) => ({ value: (await look()) === null ? 0 : 1, labels })),
    ),
  );
  for (const [name, kind, help, read] of FIGURES) {
    metrics.addAs(name, kind, help, async () => {
      const states = await Promise.all(
        servers.map(async ({ labels, look }) => ({ labels, state: await look() })),
      );
      return states.flatMap(({ labels, state }) => (state === null ? [] : [{ value: read(state), labels }]));
    });
  }
}
