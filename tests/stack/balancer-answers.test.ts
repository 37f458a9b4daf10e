import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { startHaproxy } from "../support/servers/haproxy.ts";
import type { ServerProcess } from "../support/servers/server-process.ts";

/** What HAProxy says where the API that has the request gives no answer. */

failOnLeaks();
setDefaultTimeout(120_000);

describe.skipIf(serversMissing !== null)("HAProxy before an API that gives no answer", () => {
  let haproxy: ServerProcess;
  let api: Bun.TCPSocketListener<undefined>;
  beforeAll(async () => {
    api = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket, chunk) {
          const [, path = ""] = chunk.toString("latin1").split(" ");
          if (path === "/silent") return;
          const answer = ANSWERS.get(path);
          if (answer === undefined) socket.terminate();
          else socket.end(answer);
        },
      },
    });
    haproxy = await startHaproxy([api.port], false, { HAPROXY_REQUEST_ID: "yes" });
  });
  afterAll(async () => {
    await haproxy.dispose();
    api.stop(true);
  });

  const ask = (method: string, path: string, bytes = 0) =>
    fetch(`http://127.0.0.1:${haproxy.port}${path}`, {
      method,
      keepalive: false,
      ...(bytes === 0 ? {} : { body: "x".repeat(bytes) }),
    });

  for (const [method, path, bytes, outcome] of [
    ["GET", "/dies", 0, "none"],
    ["GET", "/odd", 0, "none"],
    ["GET", "/docs/dies", 0, "none"],
    ["POST", "/dies", 1, "unknown"],
    ["POST", "/odd", 1, "unknown"],
    ["PATCH", "/dies", 1, "unknown"],
    ["DELETE", "/dies", 0, "unknown"],
    // Too long to be sent again, so it is not tried four times.
    ["POST", "/silent", 10_000, "unknown"],
  ] as const)
    test(`${method} ${path}: 503, outcome ${outcome}`, async () => {
      const response = await ask(method, path, bytes);
      expect([response.status, response.statusText]).toEqual([503, "Service Unavailable"]);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(response.headers.get("retry-after")).toBe("1");
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(response.headers.get("request-id")).toBeString();
      expect(await response.json()).toMatchObject({
        type: "urn:razonete:problem:ledger-unavailable",
        status: 503,
        outcome,
      });
    });

  test("HEAD: the same without a body", async () => {
    const response = await ask("HEAD", "/dies");
    expect([response.status, await response.text()]).toEqual([503, ""]);
  });

  test("what an API answers stays as it is", async () => {
    for (const method of ["GET", "POST"]) {
      const response = await ask(method, "/defect", method === "POST" ? 1 : 0);
      expect([response.status, await response.text()]).toEqual([500, "defect"]);
    }
  });
});

/** Of the API; on any other path but /silent it closes the connection. */
const ANSWERS: ReadonlyMap<string, string> = new Map([
  ["/readyz", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"],
  ["/defect", "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 6\r\nConnection: close\r\n\r\ndefect"],
  ["/odd", "this is no HTTP\r\n\r\n"],
]);
