import { Database } from "bun:sqlite";
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { KeyFile, keyFileOf } from "../../src/access/key-file.ts";
import type { Scope } from "../../src/access/scope.ts";
import { hashOf, newToken } from "../../src/access/token.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { follow, type Told } from "../support/followers/event-client.ts";

failOnLeaks();
setDefaultTimeout(120_000);

interface Key {
  readonly name: string;
  readonly token: string;
}

async function makeKey(store: KeyFile, name: string, scopes: readonly Scope[], accounts = ""): Promise<Key> {
  const token = newToken();
  const times = { createdAt: Date.now() * 1000, expiresAt: null, revokedAt: null };
  await store.create({ name, hash: hashOf(token), scopes: new Set(scopes), accounts, rate: null, ...times });
  return { name, token };
}

/** Follows with a key until it is stopped or ended. */
function following(server: RunningServer, key: Key | null) {
  const events: Told[] = [];
  const stop = new AbortController();
  const reader = { events, isOver: false, stop };
  const told = { signal: stop.signal, onEvent: (event: Told) => events.push(event) };
  follow(server.url, key === null ? told : { key: key.token, ...told })
    .catch(() => {})
    .finally(() => (reader.isOver = true));
  return reader;
}

test("a key that is revoked ends its stream, and one for some accounts is told of nothing else", async () => {
  using folder = temporaryFolder();
  const store = new KeyFile(keyFileOf(join(folder.path, "razonete.db")));
  const admin = await makeKey(store, "admin", ["admin"]);
  const revoked = await makeKey(store, "revoked", ["events:read"]);
  const acme = await makeKey(store, "acme", ["events:read"], "acme:");
  const globex = await makeKey(store, "globex", ["events:read"], "globex:");
  await using server = await startServer({ data: folder.path });
  const post = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const headers = { authorization: `Bearer ${admin.token}` };
    const response = await fetch(`${server.url}${path}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    return Object(await response.json());
  };
  const move = (from: string, to: string) =>
    post("/v1/transactions", { postings: [{ from, to, amount: 1 }], metadata: { note: "secret" } });
  const readers = [revoked, acme, globex, admin].map((key) => following(server, key));
  const [ending, ofAcme, ofGlobex, ofAll] = readers;
  for (const id of ["acme:a", "acme:b", "globex:a"])
    await post("/v1/accounts", { id, unit: "BRL/2", credit_limit: 9 });
  await move("acme:a", "acme:b");
  await move("acme:b", "globex:a");
  const { id } = await post("/v1/holds", { from: "globex:a", to: "acme:a", amount: 3 });
  await post(`/v1/holds/${String(id)}/capture`, {});
  await move("@world", "globex:a");
  await eventually(
    "all came",
    () =>
      ofAll?.events.at(-1)?.data["reverses"] === null &&
      ofAll.events.length >= 13 &&
      [ofAcme, ofGlobex].every((reader) => (reader?.events.length ?? 0) >= 5),
    () => [ofAll, ofAcme, ofGlobex].map((reader) => reader?.events.length),
  );

  const seen = (events: readonly Told[] = []) =>
    events.map(({ type, data }) => [type, data["postings"] ?? data["id"]]);
  expect(seen(ofAcme?.events)).toEqual([
    ["account.opened", "acme:a"],
    ["account.opened", "acme:b"],
    ["transaction.created", [{ from: "acme:a", to: "acme:b", amount: 1 }]],
    ["transaction.created", [{ from: "acme:b", to: null, amount: 1 }]],
    ["transaction.created", [{ from: null, to: "acme:a", amount: 3 }]],
  ]);
  expect(JSON.stringify(ofAcme?.events)).not.toContain("globex");
  expect(JSON.stringify(ofGlobex?.events)).not.toContain("acme");
  expect(ofGlobex?.events.map(({ type }) => type)).toEqual([
    "account.opened",
    "transaction.created",
    "hold.created",
    "hold.captured",
    "transaction.created",
  ]);

  expect(ending?.isOver).toBe(false);
  await store.revoke(revoked.name, Date.now() * 1000);
  await eventually("its stream is ended", () => ending?.isOver === true);
  await move("@world", "acme:a");
  await eventually("others go on", () => ofAcme?.events.length === 6);
  expect(ofAll?.isOver).toBe(false);
  for (const { stop } of readers) stop.abort();
  await eventually("all are over", () => readers.every(({ isOver }) => isOver));
  expect(await server.stop()).toBe(0);
});

test("a stream without a key ends once keys are needed, one whose key has expired then, and one is told of accounts that are opened later", async () => {
  using folder = temporaryFolder();
  const store = new KeyFile(keyFileOf(join(folder.path, "razonete.db")));
  await using server = await startServer({ data: folder.path });
  const open = async (id: string, headers: Record<string, string> = {}): Promise<number> => {
    const body = JSON.stringify({ id, unit: "BRL/2" });
    return (await fetch(`${server.url}/v1/accounts`, { method: "POST", headers, body })).status;
  };
  const anybody = following(server, null);
  await eventually("it has the accounts of the start", () => anybody.events.length === 5);
  const admin = await makeKey(store, "admin", ["admin"]);
  const acme = await makeKey(store, "acme", ["events:read"], "acme:");
  const short = await makeKey(store, "short", ["events:read"]);
  await eventually("its stream is ended", () => anybody.isOver);
  const bound = following(server, acme);
  const expiring = following(server, short);
  await eventually("it follows", () => expiring.events.length === 5);
  for (const id of ["acme:later", "other:later", "acme:latest"])
    expect(await open(id, { authorization: `Bearer ${admin.token}` })).toBe(201);
  await eventually("all are told", () => expiring.events.length === 8);
  await eventually("its own are told", () => bound.events.length === 2);
  expect(bound.events.map(({ data }) => data["id"])).toEqual(["acme:later", "acme:latest"]);
  expect(expiring.isOver).toBe(false);
  // As if its time had come, without a wait that may be too short to begin.
  const keys = new Database(keyFileOf(join(folder.path, "razonete.db")));
  keys.run("UPDATE access_keys SET expires_at = ? WHERE name = ?", [Date.now() * 1000, short.name]);
  keys.close();
  await eventually("its key has expired", () => expiring.isOver);
  expect(bound.isOver).toBe(false);
  bound.stop.abort();
  await eventually("it is over", () => bound.isOver);
  expect(await server.stop()).toBe(0);
});
