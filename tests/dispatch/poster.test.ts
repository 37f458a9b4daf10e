import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { Poster, type Posted } from "../../src/dispatch/poster.ts";
import { messageOf } from "../../src/errors.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { TestCa } from "../support/servers/certificates.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { Receiver } from "../support/followers/receiver.ts";

let folder: TemporaryFolder;
let ca: TestCa;
let receiver: Receiver;

let poster: Poster;
let untrusting: Poster;

const send = (url: string, by = poster, address = "127.0.0.1", milliseconds = 20_000): Promise<Posted> =>
  by.post({
    url: new URL(url),
    address,
    headers: { "webhook-id": "e0-1-0-5" },
    body: '{"data":"é"}',
    milliseconds,
  });

interface Speaker extends AsyncDisposable {
  readonly url: string;
  readonly connections: readonly Socket[];
  requests: number;
}

const CLOSE = Symbol("the connection is closed");
const RESET = Symbol("the connection is reset");

/** Answers each request with what is given, byte for byte, or with nothing. */
async function speaking(
  answer: string | null | ((request: number) => string | null | symbol),
  isTls = false,
): Promise<Speaker> {
  const connections: Socket[] = [];
  const listener = (socket: Socket): void => {
    connections.push(socket);
    socket.on("error", () => {});
    socket.on("data", () => {
      speaker.requests += 1;
      const text = typeof answer === "function" ? answer(speaker.requests) : answer;
      if (text === CLOSE) socket.destroy();
      else if (text === RESET) socket.resetAndDestroy();
      else if (typeof text === "string") socket.write(text);
    });
  };
  const server: Server = isTls ? createTlsServer(certificate(), listener) : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const speaker = {
    url: `${isTls ? "https" : "http"}://hooks.example.com:${port}/`,
    connections,
    requests: 0,
    [Symbol.asyncDispose]: async () => {
      for (const socket of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return speaker;
}

function certificate(name = "DNS:hooks.example.com"): { cert: string; key: string } {
  const { cert, key } = ca.issue(name);
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

const failure = (sent: Promise<Posted>): Promise<string> =>
  sent.then(
    () => "it was sent",
    (error: unknown) => messageOf(error),
  );

beforeAll(() => {
  folder = temporaryFolder("post");
  ca = new TestCa(folder.path, "hooks");
  receiver = new Receiver(ca.issue("DNS:hooks.example.com"), "hooks.example.com");
  poster = new Poster(readFileSync(ca.file, "utf8"));
  untrusting = new Poster(null);
});
afterAll(async () => {
  poster.close();
  untrusting.close();
  await receiver[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});
failOnLeaks();
setDefaultTimeout(60_000);

describe("a delivery's request", () => {
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
    expect(await failure(send(receiver.url, untrusting))).toContain("certificate");
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
    await using speaker = await speaking(text);
    expect(await send(speaker.url)).toEqual(answer);
  });

  test("gives up what does not answer, is not HTTP, or is not there", async () => {
    await using silent = await speaking(null);
    expect(await failure(send(silent.url, poster, "127.0.0.1", 2_000))).toContain("no answer within 2 s");
    const other = await speaking("x".repeat(20_000));
    expect(await failure(send(other.url))).toContain("the answer is not HTTP");
    await other[Symbol.asyncDispose]();
    expect(await failure(send(other.url))).not.toBe("it was sent");
  });
});

describe("a connection to a target", () => {
  const OK = "HTTP/1.1 200 OK\r\n";

  test.each([
    ["no body", "HTTP/1.1 204 No Content\r\n\r\n"],
    ["a length", `${OK}Content-Length: 2\r\n\r\nok`],
    ["chunks", `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n`],
    ["an interim answer", `HTTP/1.1 102 Processing\r\n\r\n${OK}content-length:0\r\n\r\n`],
    ["a failure", "HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n"],
  ])("is used again after %s: 50 deliveries are one handshake", async (_, text) => {
    await using target = await speaking(text, true);
    for (let count = 0; count < 50; count += 1) await send(target.url);
    expect([target.requests, target.connections.length]).toEqual([50, 1]);
  });

  test("is one of as many as there are requests at once", async () => {
    await using target = await speaking(`${OK}Content-Length: 0\r\n\r\n`, true);
    for (let count = 0; count < 10; count += 1)
      await Promise.all(Array.from({ length: 8 }, () => send(target.url)));
    expect([target.requests, target.connections.length]).toEqual([80, 8]);
  });

  test.each([
    ["that closes", `${OK}Connection: close\r\nContent-Length: 0\r\n\r\n`],
    ["of an older version", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"],
    ["without a length", `${OK}\r\nok`],
    ["with two lengths", `${OK}Content-Length: 2\r\nContent-Length: 1\r\n\r\nok`],
    ["with a length and chunks", `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["with a length that is none", `${OK}Content-Length: +2\r\n\r\nok`],
    ["with a chunk that is none", `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok!!0\r\n\r\n`],
    ["with fields behind its chunks", `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n`],
    ["with more than its length", `${OK}Content-Length: 2\r\n\r\nok${OK}Content-Length: 0\r\n\r\n`],
    ["with more behind its chunks", `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK`],
    ["of another protocol", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"],
    ["that is long", `${OK}Content-Length: 20000\r\n\r\n${"x".repeat(20_000)}`],
  ])("is not used again after an answer %s", async (_, text) => {
    await using target = await speaking(text);
    const first = await send(target.url);
    expect(await send(target.url)).toEqual(first);
    expect([target.requests, target.connections.length]).toEqual([2, 2]);
  });

  test("is not used while what is left of an answer is still to come, and says nothing of the next one", async () => {
    await using target = await speaking((request) => `${OK}Content-Length: ${request === 1 ? 3 : 0}\r\n\r\n`);
    expect((await send(target.url)).status).toBe(200);
    expect((await send(target.url)).status).toBe(200);
    expect(target.connections.length).toBe(2);
  });

  test.each([CLOSE, RESET])(
    "where %p is no failure: the request is sent on another one, once",
    async (end) => {
      const answer = `${OK}Content-Length: 0\r\n\r\n`;
      await using target = await speaking((request) => (request % 2 === 0 ? end : answer));
      expect((await send(target.url)).status).toBe(200);
      expect((await send(target.url)).status).toBe(200);
      expect([target.requests, target.connections.length]).toEqual([3, 2]);
      await using silent = await speaking((request) => (request === 1 ? answer : end));
      expect((await send(silent.url)).status).toBe(200);
      expect(await failure(send(silent.url))).not.toBe("it was sent");
      expect([silent.requests, silent.connections.length]).toEqual([3, 2]);
    },
  );

  test("that speaks unasked is closed, and what it said answers nothing", async () => {
    await using target = await speaking(`${OK}Content-Length: 0\r\n\r\n`);
    await send(target.url);
    target.connections[0]?.write("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n");
    // What was there before these were answered has been read.
    await using other = await speaking(`${OK}Content-Length: 0\r\n\r\n`);
    for (let count = 0; count < 3; count += 1) await send(other.url);
    expect((await send(target.url)).status).toBe(200);
    expect(target.connections.length).toBe(2);
  });

  test("is used only for the address that was looked at for this attempt, and for the name of its certificate", async () => {
    await using target = await speaking(`${OK}Content-Length: 0\r\n\r\n`, true);
    await send(target.url);
    await send(target.url, poster, "127.0.0.2");
    await send(target.url);
    await send(target.url, poster, "127.0.0.2");
    expect(target.connections.map(({ localAddress }) => localAddress)).toEqual(["127.0.0.1", "127.0.0.2"]);
    const other = target.url.replace("hooks.", "other.");
    expect(await failure(send(other))).toContain("altnames");
    expect(target.requests).toBe(4);
  });

  test("is closed with whoever sends, also one that waits", async () => {
    await using target = await speaking(`${OK}Content-Length: 0\r\n\r\n`, true);
    const own = new Poster(readFileSync(ca.file, "utf8"));
    await send(target.url, own);
    const [socket] = target.connections;
    const isClosed = new Promise((resolve) => socket?.on("close", resolve));
    own.close();
    await isClosed;
  });
});
