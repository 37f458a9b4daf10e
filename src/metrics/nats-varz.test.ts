import { afterAll, expect, test } from "bun:test";
import { addNats } from "./nats-varz.ts";
import { Metrics } from "./registry.ts";

const varz = {
  connections: 4,
  slow_consumers: 0,
  in_msgs: 10,
  out_msgs: 20,
  mem: 30,
  jetstream: { stats: { storage: 40 } },
};
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => Response.json(varz) });
const up = `http://127.0.0.1:${server.port}`;
const down = "http://127.0.0.1:1";

afterAll(() => server.stop(true));

async function told(urls: readonly string[]): Promise<string[]> {
  const metrics = new Metrics();
  addNats(metrics, urls);
  return (await metrics.text()).split("\n").filter((line) => /^nats_(up|connections)\b/.test(line));
}

test("of one server its figures are told without a label", async () => {
  expect(await told([up])).toEqual(["nats_up 1", "nats_connections 4"]);
  expect(await told([down])).toEqual(["nats_up 0"]);
});

test("of several servers each has its label, and one that is away hides no other", async () => {
  const label = `{server="127.0.0.1:${server.port}"}`;
  expect(await told([down, up])).toEqual([
    'nats_up{server="127.0.0.1:1"} 0',
    `nats_up${label} 1`,
    `nats_connections${label} 4`,
  ]);
});
