import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { KeyFile, keyFileOf } from "../../src/access/key-file.ts";
import { hashOf, newToken } from "../../src/access/token.ts";
import { FileJournal } from "../../src/events/file-journal.ts";
import { call } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startServer } from "../support/server.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { startHaproxy } from "../support/servers/haproxy.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { Follower, readPage } from "../support/followers/event-client.ts";
import { keptEvents } from "./support/kept-events.ts";
import { done } from "./support/mixed-load.ts";
import { RawReader, streamHead } from "./support/raw-reader.ts";

failOnLeaks();
setDefaultTimeout(60_000);

/** So few files that the bounds are reached: 440 for readers, 660 for connections. */
const FEW_FILES = ["sh", "-c", 'ulimit -n 1100; exec "$@"', "sh"];
const READERS_MAX = 440;
const LATEST = "after=latest";
const TOO_MANY = /^HTTP\/1\.1 429 /;

async function pay(url: string): Promise<string> {
  const postings = [{ from: "@world", to: "1", amount: 1 }];
  return String((await done(url, "/v1/transactions", { postings }, 201))["id"]);
}

describe.skipIf(process.platform !== "linux")("more readers than there may be", () => {
  test("are told when to come again; whoever follows goes on, all else is answered, and a place that is left is taken", async () => {
    using folder = temporaryFolder();
    await using server = await startServer({ data: folder.path, wrapper: FEW_FILES });
    const { port, url } = server;
    const readers = Array.from({ length: READERS_MAX }, () => new RawReader(port, streamHead(LATEST)));
    const begun = await Promise.all(readers.map((reader) => reader.until("\nid: ")));
    expect(begun).not.toContain(false);
    for (const [accept, query] of [
      ["text/event-stream", ""],
      ["application/json", "wait=20"],
    ] as const) {
      const response = await fetch(`${url}/v1/events?${query}`, { headers: { accept } });
      expect([response.status, await response.json()]).toMatchObject([
        429,
        { type: "urn:razonete:problem:too-many-requests" },
      ]);
      expect(response.headers.get("retry-after")).toBe("5");
      expect(response.headers.get("ratelimit-policy")).toBe('"readers";q=2000;w=5');
    }
    expect((await readPage(url, LATEST)).events).toEqual([]);
    const id = await pay(url);
    const told = await Promise.all(readers.map((reader) => reader.until(`"data":{"id":"${id}"`)));
    expect(told).not.toContain(false);
    readers.pop()?.[Symbol.dispose]();
    await eventually("its place is another's", async () => {
      using reader = new RawReader(port, streamHead(LATEST));
      await reader.until("\n\n");
      return !TOO_MANY.test(reader.text);
    });
    for (const reader of readers) reader[Symbol.dispose]();
  });

  test("connections of their address end those that were silent for the longest, readers first; they go on without a gap", async () => {
    using folder = temporaryFolder();
    await using server = await startServer({ data: folder.path, wrapper: FEW_FILES });
    const { port, url } = server;
    const followers = Array.from({ length: 40 }, () => new Follower(() => url));
    await pay(url);
    await eventually("all follow", () => followers.every(({ events }) => events.length === 6));
    using other = new RawReader(port, streamHead(LATEST), "127.0.0.2");
    expect(await other.until("\nid: ")).toBe(true);
    const idle: Socket[] = Array.from({ length: 700 }, () => {
      const socket = connect({ port, host: "127.0.0.1" });
      socket.on("error", () => {});
      return socket;
    });
    await eventually("some readers were cut", () => followers.some(({ returns }) => returns > 0));
    for (let n = 0; n < 10; n += 1) await pay(url);
    await eventually("all have all", () => followers.every(({ events }) => events.length >= 16));
    const journal = new FileJournal(join(folder.path, "razonete.db"), "elsewhere");
    const kept = (await keptEvents(journal)).flat().map(({ id }) => id);
    for (const follower of followers) expect(follower.ids).toEqual(kept);
    await journal.close();
    // The reader of another address was left alone.
    expect(await other.until(kept.at(-1) ?? "-")).toBe(true);
    for (const socket of idle) socket.destroy();
    await Promise.all(followers.map((follower) => follower.stop()));
  });
});

/** Begins streams until the limit of their key, or address, refuses one. @returns what that was told */
async function refusedOne(port: number, headers: readonly string[], address: string): Promise<string> {
  for (;;) {
    const begin = () => new RawReader(port, streamHead(LATEST, headers), address);
    const readers = Array.from({ length: 40 }, begin);
    await Promise.all(readers.map((reader) => reader.until("\r\n\r\n")));
    for (const reader of readers) reader[Symbol.dispose]();
    const refused = readers.find(({ text }) => TOO_MANY.test(text));
    if (refused !== undefined) return refused.text.toLowerCase();
  }
}

async function keyed(data: string) {
  const store = new KeyFile(keyFileOf(join(data, "razonete.db")));
  const make = async (name: string, rate: number | null): Promise<string> => {
    const token = newToken();
    const times = { createdAt: Date.now() * 1000, expiresAt: null, revokedAt: null };
    await store.create({
      name,
      hash: hashOf(token),
      scopes: new Set(["admin"]),
      accounts: "",
      rate,
      ...times,
    });
    return `Authorization: Bearer ${token}`;
  };
  const keys = { slow: await make("slow", 5), free: await make("free", null) };
  await store.close();
  return keys;
}

test("a key's rate counts the streams that begin, not what they are told: who is over it is told when to come again", async () => {
  using folder = temporaryFolder();
  const { slow, free } = await keyed(folder.path);
  await using server = await startServer({ data: folder.path });
  const { port, url } = server;
  using reader = new RawReader(port, streamHead(LATEST, [slow]));
  expect(await reader.until("\nid: ")).toBe(true);
  const refused = await refusedOne(port, [slow], "127.0.0.1");
  expect(refused).toContain("\r\nretry-after: 1\r\n");
  expect(refused).toContain('\r\nratelimit-policy: "key";q=5;w=1\r\n');
  using other = new RawReader(port, streamHead(LATEST, [free]));
  expect(await other.until("\nid: ")).toBe(true);
  const [, authorization = ""] = free.split(": ");
  const postings = [{ from: "@world", to: "1", amount: 1 }];
  for (let n = 0; n < 20; n += 1) {
    const body = JSON.stringify({ postings });
    const headers = { authorization };
    expect((await fetch(`${url}/v1/transactions`, { method: "POST", headers, body })).status).toBe(201);
  }
  for (const one of [reader, other]) expect(await one.until('"seq":20,')).toBe(true);
});

test("an address's rate: the same, and other addresses follow", async () => {
  using folder = temporaryFolder();
  await using server = await startServer({ data: folder.path, environment: { RATE_PER_ADDRESS: "5" } });
  using reader = new RawReader(server.port, streamHead(LATEST), "127.0.0.2");
  expect(await reader.until("\nid: ")).toBe(true);
  const refused = await refusedOne(server.port, [], "127.0.0.2");
  expect(refused).toContain("\r\nretry-after: 1\r\n");
  expect(refused).toContain('\r\nratelimit-policy: "address";q=5;w=1\r\n');
  using other = new RawReader(server.port, streamHead(LATEST), "127.0.0.3");
  expect(await other.until("\nid: ")).toBe(true);
  await pay(server.url);
  for (const one of [reader, other]) expect(await one.until('"seq":1,')).toBe(true);
});

test.skipIf(serversMissing !== null)("through HAProxy, by its limits: the same", async () => {
  using folder = temporaryFolder();
  const { slow, free } = await keyed(folder.path);
  await using server = await startServer({ data: folder.path });
  const limits = { HAPROXY_KEY_LIMITS: "yes", HAPROXY_KEY_RATE: "100", HAPROXY_ADDRESS_CONNECTIONS: "30" };
  const haproxy = await startHaproxy([server.port], false, limits);
  try {
    const readers = Array.from(
      { length: 50 },
      () => new RawReader(haproxy.port, streamHead(LATEST, [free]), "127.0.0.2"),
    );
    const isLetIn = await Promise.all(readers.map((reader) => reader.until("\nid: ")));
    // More connections than one address may have are closed at once.
    expect(isLetIn.filter(Boolean)).toHaveLength(30);
    using other = new RawReader(haproxy.port, streamHead(LATEST, [free]), "127.0.0.3");
    expect(await other.until("\nid: ")).toBe(true);
    // Of the server's own answer HAProxy learns nothing here, so that the server counts this key.
    expect(await refusedOne(haproxy.port, [slow], "127.0.0.4")).toContain("\r\nretry-after: 1\r\n");
    expect((await call(server.url, "GET", "/livez")).status).toBe(200);
    for (const reader of readers) reader[Symbol.dispose]();
  } finally {
    await haproxy.dispose();
  }
});
