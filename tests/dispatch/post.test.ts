import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { post, type Posted } from "../../src/dispatch/post.ts";
import { messageOf } from "../../src/errors.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { TestCa } from "../support/servers/certificates.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { Receiver } from "./support/receiver.ts";

failOnLeaks();

let folder: TemporaryFolder;
let ca: TestCa;
let receiver: Receiver;

const send = (url: string, changes: { authorities?: string | null; body?: string } = {}): Promise<Posted> =>
  post({
    url: new URL(url),
    address: "127.0.0.1",
    headers: { "webhook-id": "e0-1-0-5" },
    body: '{"data":"é"}',
    authorities: readFileSync(ca.file, "utf8"),
    milliseconds: 2_000,
    ...changes,
  });

/** Answers whatever comes on a connection with these bytes, or with nothing. */
async function speaking(text: string | null): Promise<{ server: Server; url: string }> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", () => {
      if (text !== null) socket.write(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  return { server, url: `http://hooks.example.com:${port}/` };
}

const failure = (sent: Promise<Posted>): Promise<string> =>
  sent.then(
    () => "it was sent",
    (error: unknown) => messageOf(error),
  );

describe("a delivery's request", () => {
  beforeAll(() => {
    folder = temporaryFolder("post");
    ca = new TestCa(folder.path, "hooks");
    receiver = new Receiver(ca.issue("DNS:hooks.example.com"), "hooks.example.com");
  });
  afterAll(async () => {
    await receiver[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  test("goes to the address that was looked at, with the certificate checked by the URL's name", async () => {
    expect(await send(`${receiver.url}?a=b`)).toEqual({ status: 204, retryAfter: null });
    expect(receiver.received[0]).toMatchObject({
      id: "e0-1-0-5",
      body: '{"data":"é"}',
      path: "/hook",
      headers: { host: `hooks.example.com:${receiver.port}`, "content-type": "application/json" },
    });
  });

  test.each(["other.example.com", "127.0.0.1"])(
    "sends nothing where the certificate is not for %s",
    async (name) => {
      const before = receiver.received.length;
      expect(await failure(send(`https://${name}:${receiver.port}/`))).toContain("altnames");
      expect(receiver.received.length).toBe(before);
    },
  );

  test("sends nothing where nobody trusted has signed the certificate", async () => {
    const before = receiver.received.length;
    expect(await failure(send(receiver.url, { authorities: null }))).toContain("certificate");
    expect(receiver.received.length).toBe(before);
  });

  test("follows no redirect", async () => {
    await using second = new Receiver(null);
    receiver.answer = () => Response.redirect(second.url, 307);
    expect(await send(receiver.url)).toEqual({ status: 307, retryAfter: null });
    expect(second.received).toEqual([]);
  });

  test.each([
    ["HTTP/1.1 503 Later\r\nRetry-After: 120\r\n\r\n", { status: 503, retryAfter: 120_000 }],
    ["HTTP/1.1 429 \r\nretry-after:soon\r\n\r\n", { status: 429, retryAfter: null }],
    ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\nendless", { status: 200, retryAfter: null }],
  ])("understands %p", async (text, answer) => {
    const { server, url } = await speaking(text);
    expect(await send(url)).toEqual(answer);
    server.close();
  });

  test("gives up what does not answer, is not HTTP, or is not there", async () => {
    const silent = await speaking(null);
    expect(await failure(send(silent.url, {}))).toContain("no answer within 2 s");
    silent.server.close();
    const other = await speaking("x".repeat(20_000));
    expect(await failure(send(other.url))).toContain("the answer is not HTTP");
    other.server.close();
    expect(await failure(send(other.url))).not.toBe("it was sent");
  });
});
