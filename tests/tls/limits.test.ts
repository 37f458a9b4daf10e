import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { statSync } from "node:fs";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { askHaproxy } from "../../src/stack/haproxy-admin.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { mayPass } from "../support/pace/may-pass.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { startHaproxy } from "../support/servers/haproxy.ts";
import type { ServerProcess } from "../support/servers/server-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((one) => one?.address === "::1");
/** The rate that the stand-in for an API tells of the key of this name. */
const OWN_RATE = 5;
const SECOND = 1_100;

describe.skipIf(serversMissing !== null)("HAProxy's limits", () => {
  const folder = temporaryFolder("limits");
  const admin = join(folder.path, "admin.sock");
  const started: ServerProcess[] = [];
  let api: Bun.Server<undefined>;

  beforeAll(() => {
    api = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: ({ headers }) => {
        const isOwn = headers.get("authorization")?.endsWith("own-rate");
        const body = JSON.stringify({ client: headers.get("razonete-client-address") });
        return new Response(body, isOwn ? { headers: { "Razonete-Key-Rate": String(OWN_RATE) } } : {});
      },
    });
  });

  afterAll(async () => {
    await Promise.all(started.map((server) => server.dispose()));
    await api.stop(true);
    folder[Symbol.dispose]();
  });

  async function limited(environment: Readonly<Record<string, string>>): Promise<number> {
    const haproxy = await startHaproxy([api.port ?? 0], false, environment);
    started.push(haproxy);
    return haproxy.port;
  }

  test("are off where nothing is set", async () => {
    const port = await limited({});
    const answers = await many(port, 100, { authorization: "Bearer a" });
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(Object.keys(answers[0]?.headers ?? {}).filter((name) => name.startsWith("ratelimit"))).toEqual([]);
  });

  test("by key: who asks too often is told when to come again, and others are answered", async () => {
    const port = await limited({ HAPROXY_KEY_LIMITS: "yes", HAPROXY_KEY_RATE: "20", HAPROXY_ADMIN: admin });
    // Written in another way, it is the same key.
    const written = ["Bearer secret-of-a", "bearer   secret-of-a", "Bearer  secret-of-a"];
    const begunAt = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 120 }, (_, index) => ask(port, { authorization: written[index % 3] ?? "" })),
    );
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(120 - mayPass(20, begunAt));
    expect(refused[0]?.headers).toMatchObject({
      "content-type": "application/problem+json",
      "retry-after": "1",
      "ratelimit-policy": '"key";q=20;w=1',
      ratelimit: '"key";r=0;t=1',
    });
    expect(JSON.parse(refused[0]?.body ?? "")).toMatchObject({
      type: "urn:razonete:problem:too-many-requests",
      status: 429,
    });
    const other = await ask(port, { authorization: "Bearer secret-of-b" });
    expect([other.status, other.headers["ratelimit-policy"], other.headers["ratelimit"]]).toEqual([
      200,
      '"key";q=20;w=1',
      '"key";r=19;t=1',
    ]);
    expect((await ask(port, {})).status).toBe(200);

    const table = await askHaproxy(admin, "show table keys");
    expect(table).toContain(new Bun.CryptoHasher("sha256").update("secret-of-a").digest("hex").toUpperCase());
    expect(table).not.toContain("secret-of");
    expect(statSync(admin).mode & 0o777).toBe(0o600);

    await Bun.sleep(2 * SECOND);
    expect((await ask(port, { authorization: "Bearer secret-of-a" })).status).toBe(200);
  });

  test.each([{ HAPROXY_KEY_LIMITS: "yes", HAPROXY_KEY_RATE: "1" }, { HAPROXY_ADDRESS_RATE: "1" }])(
    "of one request a second: who comes again when it was told to is answered: %j",
    async (limits) => {
      const port = await limited(limits);
      const come = () => ask(port, { authorization: "Bearer a" });
      for (let round = 0; round < 3; round += 1) {
        let answer = await come();
        while (answer.status === 200) answer = await come();
        expect([answer.status, answer.headers["retry-after"]]).toEqual([429, "1"]);
        await Bun.sleep(SECOND);
        expect((await come()).status).toBe(200);
      }
    },
  );

  test("by key: what was refused does not count, so who goes on asking is answered at the rate", async () => {
    const port = await limited({ HAPROXY_KEY_LIMITS: "yes", HAPROXY_KEY_RATE: "20" });
    let answered = 0;
    const begunAt = performance.now();
    const until = begunAt + 4 * SECOND;
    while (performance.now() < until) {
      const { status } = await ask(port, { authorization: "Bearer a" });
      if (status === 200) answered += 1;
    }
    expect(answered).toBeGreaterThan(2 * 20);
    expect(answered).toBeLessThanOrEqual(mayPass(20, begunAt));
  });

  test("by key: its own rate is what an API tells with an answer, and no client sees that", async () => {
    const port = await limited({ HAPROXY_KEY_LIMITS: "yes" });
    const first = await ask(port, { authorization: "Bearer own-rate" });
    expect(first.headers["razonete-key-rate"]).toBeUndefined();
    const begunAt = performance.now();
    const answers = await many(port, 50, { authorization: "Bearer own-rate" });
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(50 - mayPass(OWN_RATE, begunAt));
    expect(refused[0]?.headers["ratelimit-policy"]).toBe(`"key";q=${OWN_RATE};w=1`);
    expect((await many(port, 50, { authorization: "Bearer a" })).every(({ status }) => status === 200)).toBe(
      true,
    );
  });

  test("by address: an API is told the client's, whatever the client writes; without such limits it is not", async () => {
    const written = { "Razonete-Client-Address": "192.0.2.1" };
    const told = async (environment: Readonly<Record<string, string>>): Promise<unknown> => {
      const port = await limited({ HAPROXY_KEY_LIMITS: "yes", ...environment });
      return JSON.parse((await ask(port, written, "127.0.0.2")).body);
    };
    expect(await told({ HAPROXY_ADDRESS_CONNECTIONS: "100" })).toEqual({ client: "127.0.0.2" });
    expect(await told({ HAPROXY_ADDRESS_RATE: "100" })).toEqual({ client: "127.0.0.2" });
    expect(await told({})).toEqual({ client: null });
  });

  test("by address: one that asks too often is refused, others are answered", async () => {
    const port = await limited({ HAPROXY_ADDRESS_RATE: "20" });
    const begunAt = performance.now();
    const answers = await many(port, 100, {}, "127.0.0.2");
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(100 - mayPass(20, begunAt));
    expect(refused[0]?.headers).toMatchObject({
      "retry-after": "1",
      "ratelimit-policy": '"address";q=20;w=1',
      ratelimit: '"address";r=0;t=1',
    });
    const other = await ask(port, {}, "127.0.0.3");
    expect([other.status, other.headers["ratelimit"]]).toEqual([200, '"address";r=19;t=1']);
  });

  test.skipIf(!hasIpv6)(
    "by address: of IPv6 the first 64 bits count, since who has one has all of them",
    async () => {
      const port = await limited({
        HAPROXY_BIND: "127.0.0.1:{port},[::1]:{port}",
        HAPROXY_ADDRESS_RATE: "100",
        HAPROXY_ADMIN: admin,
      });
      expect((await fetch(`http://[::1]:${port}/x`, { keepalive: false })).status).toBe(200);
      expect(await askHaproxy(admin, "show table addresses")).toMatch(/key=:: /);
    },
  );

  test("by address: one that opens too many connections is let in no more, others are", async () => {
    const port = await limited({ HAPROXY_ADDRESS_CONNECTIONS: "10" });
    const open = await Promise.all(Array.from({ length: 30 }, () => opened(port, "127.0.0.2")));
    await eventually(
      "those beyond the limit are closed",
      () => open.filter(({ closed }) => !closed).length === 10,
    );
    expect((await ask(port, {}, "127.0.0.3")).status).toBe(200);
    for (const socket of open) socket.destroy();
    await eventually("it is let in again", async () => (await ask(port, {}, "127.0.0.2")).status === 200);
  });
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

function many(
  port: number,
  count: number,
  headers: Readonly<Record<string, string>>,
  localAddress?: string,
): Promise<Answer[]> {
  return Promise.all(Array.from({ length: count }, () => ask(port, headers, localAddress)));
}

function ask(
  port: number,
  headers: Readonly<Record<string, string>>,
  localAddress = "127.0.0.1",
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: "127.0.0.1", port, path: "/x", headers, localAddress, agent: false },
      (answer) => {
        let body = "";
        answer.on("data", (bytes: Buffer) => (body += bytes.toString()));
        answer.once("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
      },
    );
    asked.once("error", reject);
    asked.end();
  });
}

function opened(port: number, localAddress: string): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, localAddress });
    socket.once("connect", () => resolve(socket));
    // It may be turned away before this process has noticed that it was let in.
    socket.once("close", () => resolve(socket));
    socket.on("error", () => {});
    socket.resume();
  });
}
