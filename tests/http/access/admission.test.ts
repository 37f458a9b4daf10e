import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { bounds } from "../../../src/bounds.ts";
import { RawConnection } from "../../support/raw-connection.ts";
import { Client, credit, json, problem } from "../support/client.ts";
import { MemoryServer } from "../support/memory-server.ts";
import { TestKeys } from "../support/test-keys.ts";

const keys = new TestKeys();
const TOKEN = keys.add("shop", ["accounts:read", "transactions:write", "world:write"]);
const PATH = "/v1/accounts/1";

let server: MemoryServer;
/** By which limits are counted, in milliseconds. It stands still where no test moves it. */
let time = 0;
const start = async (limits: { perAddress: number | null } | null) => {
  const more = limits === null ? {} : { limits: { ...limits, now: () => time } };
  server = await MemoryServer.start({ access: keys, ...more });
};
const get = (authorization: string | null, path = PATH) =>
  server.client.get(path, authorization === null ? {} : { headers: { authorization } });

beforeEach(() => {
  keys.isOpen = false;
  keys.asked.length = 0;
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  expect(server.defects).toEqual([]);
});

/** All of an answer but its time. */
async function bytes(reply: Response): Promise<object> {
  const headers = [...reply.headers].filter(([name]) => name !== "date");
  return { status: reply.status, headers, body: await reply.text() };
}

describe("the header", () => {
  beforeEach(() => start(null));

  /** The head as it is sent, with these lines in it. */
  async function raw(...lines: readonly string[]): Promise<number> {
    using connection = new RawConnection(server.port);
    const head = [`GET ${PATH} HTTP/1.1`, "host: x", ...lines, "", ""].join("\r\n");
    connection.send(Buffer.from(head, "latin1"));
    return (await connection.answer())?.status ?? 0;
  }

  test("has the scheme in any case, spaces, and the token to the letter", async () => {
    for (const line of [
      `Authorization: Bearer ${TOKEN}`,
      `AUTHORIZATION: bearer ${TOKEN}`,
      `authorization: BEARER   ${TOKEN}`,
      `authorization: \t Bearer ${TOKEN} \t`,
    ])
      expect([line, await raw(line)]).toEqual([line, 200]);
    for (const line of [
      `authorization: Bearer ${TOKEN.toUpperCase()}`,
      `authorization: Bearer\t${TOKEN}`,
      `authorization: Bearer${TOKEN}`,
      `authorization: ${TOKEN}`,
      `authorization: Bearer`,
      `authorization: Bearer "${TOKEN}"`,
      `authorization: Bearer ${TOKEN} ${TOKEN}`,
      `authorization: Bearer ${TOKEN}, Bearer ${TOKEN}`,
      `authorization: Bearer ${TOKEN}=x`,
      `authorization: Bearer ${TOKEN}\xe9`,
      `authorization: Bearer \xc3\xa9`,
      `authorization: Basic ${TOKEN}`,
      `authorization: Basic ${btoa(`${TOKEN}:`)}`,
      `authorization: Bearer ${"x".repeat(4000)}`,
    ])
      expect([line, await raw(line)]).toEqual([line, 401]);
  });

  test("is one: two are refused, also where one of them is right, or both", async () => {
    const right = `authorization: Bearer ${TOKEN}`;
    expect(await raw(right, right)).toBe(401);
    expect(await raw(right, "authorization: Bearer wrong")).toBe(401);
    expect(await raw("Authorization: Bearer wrong", right)).toBe(401);
    expect(await raw(right, "Authorization: Basic x")).toBe(401);
  });

  test("is asked for where there is none, or an empty one", async () => {
    await problem(await get(null), 401, "key-missing");
    await problem(await get(""), 401, "key-missing");
    await problem(await get(null, `${PATH}?access_token=${TOKEN}`), 401, "key-missing");
    expect(keys.asked).toEqual([]);
  });

  test("is answered with the same bytes, whatever is wrong with the key", async () => {
    keys.add("gone", ["accounts:read"]);
    keys.revoke("gone");
    const unknown = await bytes(await get("Bearer nobody-token"));
    expect(unknown).toMatchObject({ status: 401 });
    for (const header of [
      "Bearer gone-token",
      "Bearer ",
      "Bearer ?",
      "Basic x",
      `Bearer ${TOKEN}x`,
      "Bearer x=y",
    ])
      expect(await bytes(await get(header))).toEqual(unknown);
  });
});

describe("a key", () => {
  beforeEach(() => start(null));

  test("is not looked for at each request, and no longer taken soon after it was revoked", async () => {
    keys.add("brief", ["accounts:read"]);
    for (let index = 0; index < 20; index += 1) await json(await get("Bearer brief-token"), 200);
    expect(keys.asked.length).toBeLessThan(20);
    keys.revoke("brief");
    await Bun.sleep(bounds.access_key_known_milliseconds + 50);
    await problem(await get("Bearer brief-token"), 401, "key-invalid");
    await problem(await get("Bearer brief-token"), 401, "key-invalid");
  });

  test("is named to the ledger, on both kinds of routes and in batches", async () => {
    const client = new Client(() => server.url, TOKEN);
    const posting = { from: "@world", to: "1", amount: 1 };
    await client.transact("1", credit(1));
    await client.post("/v1/transactions", { postings: [posting] });
    const commands = [1, 2].map(() => ({ op: "transaction", body: { postings: [posting] } }));
    for (const atomic of [true, false]) await client.post("/v1/batches", { atomic, commands });
    expect(server.ledger.commands.slice(5).map(({ by }) => by)).toEqual(Array(6).fill("shop"));
  });

  test("is neither asked for nor named where the server is open", async () => {
    keys.isOpen = true;
    await json(await get(null), 200);
    await json(await get("Bearer wrong"), 200);
    await new Client(() => server.url, TOKEN).transact("1", credit(1));
    expect(server.ledger.commands.at(-1)).not.toHaveProperty("by");
    expect(keys.asked).toEqual([]);
    // As soon as it has keys, they are asked for.
    keys.isOpen = false;
    await problem(await get(null), 401, "key-missing");
  });
});

describe("limits", () => {
  /** How many of so many requests at once were answered 429, and one of those answers. */
  async function flood(count: number, send: () => Promise<Response>) {
    const replies = await Promise.all(Array.from({ length: count }, send));
    const refused = replies.filter(({ status }) => status === 429);
    await Promise.all(replies.filter(({ status }) => status !== 429).map((reply) => reply.text()));
    return { passed: count - refused.length, refused };
  }

  async function expectTooMany(reply: Response | undefined, policy: string, wait: string): Promise<void> {
    if (reply === undefined) throw new Error("none was refused");
    expect(reply.headers.get("retry-after")).toMatch(new RegExp(`^${wait}$`));
    expect(reply.headers.get("ratelimit-policy")).toBe(policy);
    const [name] = policy.split(";");
    expect(reply.headers.get("ratelimit")).toMatch(new RegExp(`^${name};r=0;t=${wait}$`));
    await problem(reply, 429, "too-many-requests");
  }

  test("of an address: what comes too soon is answered 429, on any path but the two of health", async () => {
    await start({ perAddress: 20 });
    const { passed, refused } = await flood(60, () => get(null));
    expect(passed).toBe(20);
    await expectTooMany(refused[0], '"address";q=20;w=1', "1");
    const elsewhere = await flood(60, () => get(null, "/nothing"));
    await expectTooMany(elsewhere.refused[0], '"address";q=20;w=1', "1");
    const wrongMethod = await flood(60, () => server.client.send("PUT", PATH));
    await expectTooMany(wrongMethod.refused[0], '"address";q=20;w=1', "1");
    const document = await flood(60, () => get(null, "/openapi.json"));
    await expectTooMany(document.refused[0], '"address";q=20;w=1', "1");
    for (const path of ["/livez", "/readyz"])
      expect((await flood(60, () => get(null, path))).refused).toEqual([]);
    // The time in which one is let in again.
    time += 1000 / 20;
    await json(await get(`Bearer ${TOKEN}`), 200);
    await problem(await get(`Bearer ${TOKEN}`), 429, "too-many-requests");
  });

  test("of an address: none by default where only this machine can reach it, and none where 0 is said", async () => {
    for (const perAddress of [null, 0]) {
      await start({ perAddress });
      const count = bounds.address_requests_per_second + 200;
      expect((await flood(count, () => get(null, "/nothing"))).refused).toEqual([]);
      if (perAddress === null) await server[Symbol.asyncDispose]();
    }
  });

  test("of a key: as it says, and of no other", async () => {
    await start({ perAddress: null });
    const slow = keys.add("slow", ["accounts:read"], { rate: 5 });
    const { passed, refused } = await flood(30, () => get(`Bearer ${slow}`));
    expect(passed).toBe(5);
    await expectTooMany(refused[0], '"key";q=5;w=1', "1");
    expect((await flood(30, () => get(`Bearer ${TOKEN}`))).refused).toEqual([]);
  });

  test("of a key: behind a balancer, which looks after it, the balancer is told, also where the key may not do it", async () => {
    await start(null);
    const slow = keys.add("slow", ["accounts:read"], { rate: 5 });
    const told = async (token: string, path: string): Promise<[number, string | null]> => {
      // What only a balancer sees is not in the document, to which the client of these tests holds all answers.
      const reply = await fetch(server.url + path, { headers: { authorization: `Bearer ${token}` } });
      await reply.text();
      return [reply.status, reply.headers.get("razonete-key-rate")];
    };
    for (let index = 0; index < 20; index += 1) expect(await told(slow, PATH)).toEqual([200, "5"]);
    expect(await told(slow, "/v1/accounts/nobody")).toEqual([404, "5"]);
    expect(await told(slow, "/v1/ledger")).toEqual([403, "5"]);
    expect(await told(TOKEN, PATH)).toEqual([200, null]);
    expect(await told("wrong", PATH)).toEqual([401, null]);
    await server[Symbol.asyncDispose]();
    await start({ perAddress: null });
    expect(await told(slow, PATH)).toEqual([200, null]);
  });

  test("of wrong keys: one that was revoked counts as any other", async () => {
    await start({ perAddress: null });
    keys.add("former", ["accounts:read"]);
    await json(await get("Bearer former-token"), 200);
    keys.revoke("former");
    await Bun.sleep(bounds.access_key_known_milliseconds + 50);
    for (let index = 0; index < bounds.wrong_keys_per_address; index += 1)
      await problem(await get("Bearer former-token"), 401, "key-invalid");
    await problem(await get("Bearer former-token"), 429, "too-many-requests");
  });

  test("of wrong keys: behind a balancer by the address that it tells, and by none where it does not", async () => {
    server = await MemoryServer.start({ access: keys, clientAddressHeader: "x-client" });
    const from = (address: string | null, token = "wrong") => {
      const client = address === null ? {} : { "x-client": address };
      return server.client.get(PATH, { headers: { authorization: `Bearer ${token}`, ...client } });
    };
    for (let index = 0; index < bounds.wrong_keys_per_address; index += 1)
      await problem(await from("2001:db8::1"), 401, "key-invalid");
    await problem(await from("2001:db8::2"), 429, "too-many-requests");
    await problem(await from("2001:db8::2", keys.add("late", ["accounts:read"])), 429, "too-many-requests");
    await problem(await from("192.0.2.1"), 401, "key-invalid");
    for (let index = 0; index < bounds.wrong_keys_per_address + 2; index += 1)
      await problem(await from(null), 401, "key-invalid");
  });

  test("of wrong keys: after some, none is looked at that was not let in before, right or wrong", async () => {
    await start({ perAddress: null });
    await json(await get(`Bearer ${TOKEN}`), 200);
    for (let index = 0; index < bounds.wrong_keys_per_address; index += 1)
      await problem(await get(`Bearer wrong${index}`), 401, "key-invalid");
    const count = bounds.wrong_keys_per_address;
    const policy = `"wrong-keys";q=${count};w=${bounds.wrong_keys_seconds}`;
    const fresh = keys.add("fresh", ["accounts:read"]);
    const asked = keys.asked.length;
    await expectTooMany(await get("Bearer wrong"), policy, "6");
    time += 1000;
    await expectTooMany(await get(`Bearer ${fresh}`), policy, "5");
    expect(keys.asked.length).toBe(asked);
    // Who was let in goes on, also after the moment for which that is remembered.
    await json(await get(`Bearer ${TOKEN}`), 200);
    await Bun.sleep(bounds.access_key_known_milliseconds + 50);
    await json(await get(`Bearer ${TOKEN}`), 200);
    await problem(await get(null), 401, "key-missing");
  });
});
