import { expect, test } from "bun:test";
import { freePorts } from "./ports.ts";
import { httpProbe, natsProbe, postgresProbe, redisProbe } from "./probes.ts";

async function reasonFrom(problem: object, status = 503): Promise<string | null> {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => Response.json(problem, { status }),
  });
  try {
    return await httpProbe(server.url.href)();
  } finally {
    await server.stop(true);
  }
}

test("a process says itself why it is not ready; what is meant for a client is not repeated", async () => {
  const type = "urn:razonete:problem:not-ready";
  const detail = "Send requests to another instance: Redis holds no ledger.";
  expect(await reasonFrom({ type, detail })).toBe("Redis holds no ledger.");
  const unavailable = "urn:razonete:problem:ledger-unavailable";
  const advice = "Whether it was applied is not known: send it again with the same Idempotency-Key.";
  expect(await reasonFrom({ type: unavailable, detail: advice, outcome: "unknown" })).toBe("it answers 503");
  expect(await reasonFrom({}, 200)).toBeNull();
});

test("one that is being started is not told of as if something were wrong", async () => {
  const [port] = await freePorts(1);
  const at = `127.0.0.1:${port}`;
  const probes = [
    redisProbe(`redis://${at}`),
    natsProbe(`nats://${at}`),
    postgresProbe(`postgres://razonete@${at}/razonete`),
    httpProbe(`http://${at}/readyz`),
  ];
  for (const probe of probes) expect(await probe()).toBe("it takes no connections yet");
  // It accepts connections, and says nothing.
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const there = `127.0.0.1:${silent.port}`;
  const late = [
    redisProbe(`redis://${there}`),
    natsProbe(`nats://${there}`),
    postgresProbe(`postgres://razonete@${there}/razonete`),
    httpProbe(`http://${there}/readyz`),
  ].map((probe) => probe());
  expect(await Promise.all(late)).toEqual(late.map(() => "it does not answer yet"));
  silent.stop(true);
  const type = "urn:razonete:problem:not-ready";
  expect(await reasonFrom({ type, detail: "Send requests to another instance: Redis had a timeout." })).toBe(
    "Redis had a timeout.",
  );
});
