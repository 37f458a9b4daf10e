import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import * as fc from "fast-check";
import { eventId } from "../../src/ledger/event-id.ts";
import { shardOf } from "../../src/ledger/account-id.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { RawConnection } from "../support/raw-connection.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { startHaproxy } from "../support/servers/haproxy.ts";
import type { ServerProcess } from "../support/servers/server-process.ts";
import { sharedStack } from "./support/shared-stack.ts";
import { killUnderLoad, restartUnderLoad } from "./support/under-load.ts";

/** HAProxy where the accounts are split: the requests of one shard meet in one API. */

failOnLeaks();
setDefaultTimeout(120_000);

const SHARDS = 5;
const APIS = 3;
/** In deploy/haproxy/haproxy.cfg: how many requests one API takes at once. */
const AT_ONCE = 500;

describe.skipIf(serversMissing !== null)("HAProxy that knows the number of shards", () => {
  let apis: StandInApi[] = [];
  let haproxy: ServerProcess;
  beforeAll(async () => {
    apis = Array.from({ length: APIS }, (_, index) => new StandInApi(index));
    const environment = { HAPROXY_SHARDS: String(SHARDS), HAPROXY_APIS: String(APIS) };
    haproxy = await startHaproxy(
      apis.map(({ port }) => port),
      false,
      environment,
    );
    // Until it has looked at each of them.
    await eventually("each API gets requests", async () => {
      const served = await Promise.all(
        Array.from({ length: SHARDS }, (_, shard) => servedBy("GET", `/v1/holds/h${shard}-1-0-1`)),
      );
      return new Set(served).size === APIS;
    });
  });
  afterAll(async () => {
    await haproxy.dispose();
    await Promise.all(apis.map((api) => api.stop()));
  });

  /** Which API answers it. */
  const servedBy = async (method: string, path: string, body?: unknown): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${haproxy.port}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect([path, response.status]).toEqual([path, 200]);
    return Number(await response.text());
  };
  const apiOf = (account: string): number => shardOf(account, SHARDS) % APIS;

  test("hands what names an account, or is first to pay, to the API of its shard, as the ledger computes it", () =>
    fc.assert(
      fc.asyncProperty(
        accountId,
        accountId,
        fc.constantFrom("", "{", "}", "\\", '"'),
        async (id, other, odd) => {
          const path = encodeURIComponent(id);
          const to = apiOf(id);
          expect(await servedBy("POST", `/clientes/${path}/transacoes`, { valor: 1 })).toBe(to);
          expect(await servedBy("GET", `/clientes/${path}/extrato`)).toBe(to);
          expect(await servedBy("GET", `/v1/accounts/${path}`)).toBe(to);
          expect(await servedBy("GET", `/v1/accounts/${path}/entries?limit=1`)).toBe(to);
          const description = `${odd}from":"${other}"`;
          const posting = { amount: 1, from: id, to: other };
          const postings = [posting, { ...posting, from: other, to: id }];
          expect(await servedBy("POST", "/v1/transactions", { description, postings })).toBe(to);
          const fromWorld = { description, postings: [{ from: "@world", to: id, amount: 1 }] };
          expect(await servedBy("POST", "/v1/transactions", fromWorld)).toBe(to);
          expect(await servedBy("POST", "/v1/holds", { description, to: other, from: id })).toBe(to);
        },
      ),
      { numRuns: 60 },
    ));

  test("hands what acts on a transaction or a hold to the API of the shard that its id names", async () => {
    for (let shard = 0; shard < SHARDS; shard += 1) {
      const [transaction, hold] = [eventId("t", shard, 12, 3, 45), eventId("h", shard, 12, 3, 45)];
      expect(await servedBy("POST", `/v1/transactions/${transaction}/reversal`, {})).toBe(shard % APIS);
      expect(await servedBy("POST", `/v1/holds/${hold}/capture`, {})).toBe(shard % APIS);
      expect(await servedBy("GET", `/v1/holds/${hold}`)).toBe(shard % APIS);
    }
  });

  test("hands what tells no shard, whatever it is, to the first API", async () => {
    for (const body of [
      {},
      [],
      null,
      "x",
      1e300,
      { postings: [] },
      { postings: [{ from: 1e300 }] },
      { from: [] },
    ])
      for (const path of ["/v1/batches", "/v1/accounts"]) expect(await servedBy("POST", path, body)).toBe(0);
    for (const body of [{}, [], null, { postings: {} }, { postings: [{}] }])
      expect(await servedBy("POST", "/v1/transactions", body)).toBe(0);
    for (const path of ["/v1/ledger", "/v1/holds", "/v1/holds/x", "/v1/transactions/t-1", "/clientes"])
      expect(await servedBy("GET", path)).toBe(0);
  });

  test("an API that is full, or away, is left out, and has its shards again as soon as it can", async () => {
    const shard = Array.from({ length: SHARDS }, (_, each) => each).find((each) => each % APIS === 1) ?? 1;
    const path = `/v1/holds/h${shard}-1-0-1`;
    const [, own] = apis;
    if (own === undefined) throw new Error("there is no second API");
    expect(await servedBy("GET", path)).toBe(1);
    own.hold();
    // By connections of their own, since fetch has fewer at once. HAProxy waits 3 s before it asks another API.
    const held = Array.from({ length: AT_ONCE }, () => new RawConnection(haproxy.port));
    for (const connection of held) connection.send(Buffer.from(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`));
    await eventually("it is full", () => own.held === AT_ONCE);
    expect(await servedBy("GET", path)).not.toBe(1);
    own.release();
    for (const connection of held) connection[Symbol.dispose]();
    await eventually("it is asked again", async () => (await servedBy("GET", path)) === 1);

    own.isReady = false;
    await eventually("it is left out", async () => (await servedBy("GET", path)) !== 1);
    own.isReady = true;
    await eventually("it is asked again", async () => (await servedBy("GET", path)) === 1);
  });
});

describe.skipIf(serversMissing !== null)(
  "HAProxy that knows the number of shards, with APIs as processes",
  () => {
    const shared = sharedStack({ HAPROXY_SHARDS: "3", HAPROXY_APIS: "2" });
    /** The accounts of the start, which are on all shards. */
    const pathOf = (body: string): string =>
      `/clientes/${(Number(/\d+$/.exec(body)?.[0]) % 5) + 1}/transacoes`;

    test("kill -9 of an API under load fails no request, and what is sent twice bears one id", () =>
      killUnderLoad(shared(), ["api-1", "api-2", "api-1"], pathOf));

    test("a restart of one API after the other under load fails no request, and sends none twice", () =>
      restartUnderLoad(shared(), ["api-1", "api-2"], pathOf));
  },
);

/** With the characters that an id may have, braces among them. */
const accountId = fc
  .string({ unit: fc.constantFrom(..."aZ7._:-{{}}".split("")), minLength: 1, maxLength: 12 })
  .filter((id) => id !== "." && id !== "..");

/** Answers with its number; while it holds, nothing. */
class StandInApi {
  isReady = true;
  held = 0;
  readonly #server: Bun.Server<undefined>;
  #holding: PromiseWithResolvers<void> | null = null;

  constructor(number: number) {
    this.#server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      idleTimeout: 0,
      fetch: async (request) => {
        if (new URL(request.url).pathname === "/readyz")
          return new Response(null, { status: this.isReady ? 200 : 503 });
        await request.text();
        if (this.#holding !== null) {
          this.held += 1;
          await this.#holding.promise;
        }
        return new Response(String(number));
      },
    });
  }

  get port(): number {
    return this.#server.port ?? 0;
  }

  hold(): void {
    this.#holding = Promise.withResolvers();
  }

  release(): void {
    this.#holding?.resolve();
    this.#holding = null;
  }

  stop(): Promise<void> {
    return this.#server.stop(true);
  }
}
