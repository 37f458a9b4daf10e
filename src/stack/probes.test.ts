import { expect, test } from "bun:test";
import { httpProbe } from "./probes.ts";

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
