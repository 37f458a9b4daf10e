import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createServer, type Server } from "node:net";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { EVERYONE, InProcess } from "./support/in-process.ts";

failOnLeaks();
setDefaultTimeout(60_000);

describe("a webhook to where only this machine reaches", () => {
  let listener: Server;
  let port: number;
  let connections = 0;

  beforeAll(async () => {
    listener = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => listener.listen(0, "0.0.0.0", resolve));
    const address = listener.address();
    port = typeof address === "object" ? (address?.port ?? 0) : 0;
  });
  afterAll(() => {
    listener.close();
    expect(connections).toBe(0);
  });

  test("is refused when it is made or changed, by the field", async () => {
    using folder = temporaryFolder();
    await using server = await startServer({ data: folder.path });
    const send = async (method: string, path: string, body: object) => {
      const answer = await fetch(`${server.url}${path}`, { method, body: JSON.stringify(body) });
      return { status: answer.status, text: await answer.text() };
    };
    const made = await send("POST", "/v1/webhooks", { url: "https://hooks.example.com/" });
    const { id } = JSON.parse(made.text);
    for (const url of [
      `https://127.0.0.1:${port}/`,
      `https://[::1]:${port}/`,
      `https://[::ffff:127.0.0.1]:${port}/`,
      `https://localhost:${port}/`,
      `https://2130706433:${port}/`,
      `https://169.254.169.254/`,
      `http://hooks.example.com/`,
      `https://user:word@hooks.example.com/`,
    ]) {
      for (const [method, path] of [
        ["POST", "/v1/webhooks"],
        ["PATCH", `/v1/webhooks/${id}`],
      ] as const) {
        const { status, text } = await send(method, path, { url });
        expect([url, method, status]).toEqual([url, method, 422]);
        expect(text).toContain('"pointer":"#/url"');
      }
    }
  });

  test("is not sent where its name has come to mean an inner address since", async () => {
    await using subject = new InProcess({ resolve: async () => ["127.0.0.1"], isReal: true });
    const webhook = await subject.webhook(`https://hooks.example.com:${port}/`);
    subject.start();
    await subject.credit();
    await eventually("it failed", async () => {
      const page = await subject.hooks.deliveries(EVERYONE, webhook.id, "waiting", { count: 1, after: null });
      const [attempt] = page?.items[0]?.attempts ?? [];
      return (
        attempt?.status === null && attempt.error?.includes("must be reachable from everywhere") === true
      );
    });
  });
});
