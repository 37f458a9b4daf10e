import { createClient } from "@redis/client";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { bounds } from "../../src/bounds.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { type RunningStack, startStack } from "../support/running-stack.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(120_000);

/** Lists may be so far behind, with everything up (API.md). */
const LIST_MILLISECONDS_MAX = 1_000;
const KEY_HOURS = 48;

interface Reply {
  readonly status: number;
  /** Of what was made. */
  readonly id: string;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

/** Every route of `/v1` and the contest's two on `razonete stack`, as a newcomer would try them with curl. */
describe.skipIf(serversMissing !== null)("every route of a whole stack", () => {
  let folder: TemporaryFolder;
  let stack: RunningStack;
  beforeAll(async () => {
    folder = temporaryFolder();
    stack = await startStack({
      data: join(folder.path, "data"),
      real: true,
      flags: ["--no-initial-accounts"],
      environment: { IDEMPOTENCY_HOURS: String(KEY_HOURS) },
    });
  });
  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]();
    folder?.[Symbol.dispose]();
  });

  /** @param body a text as it is, all else as JSON */
  async function ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
    api: string | null = null,
  ): Promise<Reply> {
    const response = await fetch(api === null ? `${stack.url}${path}` : `http://api${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...(api === null ? {} : { unix: join(stack.data, "run", `${api}.sock`) }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.endsWith("json") === true;
    const json = isJson ? Object(JSON.parse(text)) : {};
    return { status: response.status, id: String(json.id), headers: response.headers, text, body: json };
  }

  const get = (path: string, headers: Record<string, string> = {}) => ask("GET", path, undefined, headers);

  /** Sends it, and reads what it has made at once through both APIs. @returns what was answered, and what was read */
  async function make(path: string, body: unknown): Promise<{ made: Reply; read: Record<string, unknown> }> {
    const made = await ask("POST", path, body);
    expect([made.status, made.text]).toEqual([201, expect.any(String)]);
    const location = made.headers.get("location") ?? "";
    expect(decodeURI(location)).toBe(`${path}/${made.id}`);
    const reads = await Promise.all(
      ["api-1", "api-2"].map((api) => ask("GET", location, undefined, {}, api)),
    );
    const [first, second] = reads;
    expect([first?.status, second?.body]).toEqual([200, first?.body ?? {}]);
    return { made, read: first?.body ?? {} };
  }

  /** A list, once it shows so many. How long that may take holds for a machine that runs, so it is only told. */
  async function listed(path: string, count: number): Promise<Reply> {
    const begun = performance.now();
    let reply = await get(path);
    await eventually(
      `a list of ${count}`,
      async () => {
        reply = await get(path);
        return Array.isArray(reply.body["data"]) && reply.body["data"].length === count;
      },
      () => reply.text,
    );
    expect(reply.status).toBe(200);
    const took = Math.round(performance.now() - begun);
    if (took > LIST_MILLISECONDS_MAX) console.error(`SLOW: ${path} was behind for ${took} ms`);
    return reply;
  }

  test("it begins without accounts, and says how to open one, and where the API can be read", async () => {
    expect(stack.output()).toContain(`${stack.url}/v1/accounts`);
    expect(stack.output()).toContain(`: ${stack.url}/docs\n`);
    expect((await get("/docs")).text).toStartWith("<!doctype html>");
    expect(stack.output()).not.toContain("Accounts 1 to 5, with overdrafts, are open");
    expect((await get("/v1/accounts")).body).toEqual({ data: [], next: null });
    expect((await get("/v1/ledger")).body).toMatchObject({ accounts: 0, transactions: 0, units: [] });
    expect((await get("/clientes/1/extrato")).status).toBe(404);
  });

  test("accounts: opened, read, changed, listed", async () => {
    const wanted = { id: "{a}:wallet", unit: "CREDITS/2", name: "Ana", metadata: { plan: "pro" } };
    const { made, read } = await make("/v1/accounts", wanted);
    expect(made.headers.get("location")).toBe("/v1/accounts/%7Ba%7D:wallet");
    expect(read).toEqual(made.body);
    expect(made.body).toMatchObject({ ...wanted, state: "open", credit_limit: 0, held: 0, seq: 0 });
    expect((await ask("POST", "/v1/accounts", wanted)).status).toBe(200);
    const other = await ask("POST", "/v1/accounts", { ...wanted, name: "Bia" });
    expect([other.status, other.body["type"]]).toEqual([409, "urn:razonete:problem:account-exists"]);
    await make("/v1/accounts", { id: "shop", unit: "CREDITS/2", credit_limit: 50 });
    await make("/v1/accounts", { unit: "TOKENS" });

    const path = "/v1/accounts/%7Ba%7D:wallet";
    const changed = await ask("PATCH", path, { credit_limit: 10, metadata: { plan: null, tier: "2" } });
    expect([changed.status, changed.body]).toMatchObject([
      200,
      { credit_limit: 10, metadata: { tier: "2" } },
    ]);
    expect((await ask("GET", path, undefined, {}, "api-2")).body).toEqual(changed.body);
    expect((await ask("PATCH", path, { colour: "red" })).status).toBe(422);

    await listed("/v1/accounts?unit=CREDITS%2F2", 2);
    const page = await listed("/v1/accounts?unit=CREDITS%2F2&limit=1", 1);
    const [, next = ""] = /^<(.+)>; rel="next"$/.exec(page.headers.get("link") ?? "") ?? [];
    expect(next).toEndWith(`cursor=${String(page.body["next"])}`);
    const last = await listed(next, 1);
    expect([last.body["next"], last.headers.get("link")]).toEqual([null, null]);
    await listed("/v1/accounts?metadata.tier=2&name=A&state=open&balance_gt=-1&balance_lt=1", 1);
  });

  test("transactions: made, replayed, tried, read, taken back, listed", async () => {
    const body = {
      postings: [
        { from: "@world", to: "{a}:wallet", amount: 1_000 },
        { from: "{a}:wallet", to: "shop", amount: 300 },
      ],
      description: "top-up, and a purchase",
      reference: "order-1",
      conditions: [{ account: "shop", balance: { lte: 0 } }],
    };
    const { made, read } = await make("/v1/transactions", body);
    const { accounts, ...transaction } = made.body;
    expect(accounts).toMatchObject({
      "{a}:wallet": { balance: 700, seq: 2 },
      shop: { balance: 300, seq: 1 },
    });
    expect(read).toEqual({ ...transaction, reversed_by: null });
    const refused = await ask("POST", "/v1/transactions", body);
    expect([refused.status, refused.body]).toMatchObject([422, { index: 0, account: "shop" }]);
    const tried = await ask("POST", "/v1/transactions", { ...body, conditions: null, dry_run: true });
    expect([tried.status, tried.body["id"]]).toEqual([200, null]);

    const path = `/v1/transactions/${made.id}/reversal`;
    const key = { "Idempotency-Key": "undo-1" };
    const undone = await ask("POST", path, undefined, key);
    expect([undone.status, undone.body["reverses"]]).toEqual([201, made.id]);
    expect(undone.headers.get("idempotency-replayed")).toBeNull();
    const again = await ask("POST", path, undefined, key, "api-2");
    expect([again.status, again.text]).toEqual([201, undone.text]);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    const twice = await ask("POST", path);
    expect([twice.status, twice.body["reversal"]]).toEqual([422, undone.id]);
    const { body: found } = await ask("GET", `/v1/transactions/${made.id}`, undefined, {}, "api-2");
    expect(found["reversed_by"]).toBe(undone.id);
    await listed("/v1/transactions?reference=order-1", 1);
    await listed("/v1/transactions?account=shop", 2);
  });

  test("holds: made, captured, released, expired, read, listed", async () => {
    await make("/v1/transactions", { postings: [{ from: "@world", to: "{a}:wallet", amount: 500 }] });
    const { made, read } = await make("/v1/holds", { from: "{a}:wallet", amount: 400, to: "shop" });
    const { account, ...hold } = made.body;
    expect(account).toMatchObject({ balance: 500, held: 400, available: 110 });
    expect(read).toEqual(hold);
    const captured = await ask("POST", `/v1/holds/${made.id}/capture`, { amount: 150 });
    expect([captured.status, captured.body]).toMatchObject([
      200,
      { state: "captured", captured: 150, account: { balance: 350, held: 0 } },
    ]);
    const { body: ended } = await ask("GET", `/v1/holds/${made.id}`, undefined, {}, "api-2");
    expect(ended).toMatchObject({ state: "captured", transaction: captured.body["transaction"] });
    const late = await ask("POST", `/v1/holds/${made.id}/release`);
    expect([late.status, late.body["state"]]).toEqual([422, "captured"]);

    const { made: second } = await make("/v1/holds", { from: "{a}:wallet", amount: 1 });
    expect((await ask("POST", `/v1/holds/${second.id}/release`)).body["state"]).toBe("released");
    await make("/v1/holds", { from: "{a}:wallet", amount: 2, expires_in: 1 });
    await Bun.sleep(1_000 + 2_000);
    await listed("/v1/holds?state=expired&account=%7Ba%7D:wallet", 1);
    await listed("/v1/holds?state=captured", 1);
    await listed("/v1/holds?account=%7Ba%7D:wallet", 3);
  });

  test("batches: each by itself, and all or none", async () => {
    const commands = [
      { op: "account", body: { id: "till", unit: "CREDITS/2" } },
      { op: "transaction", body: { postings: [{ from: "shop", to: "till", amount: 10 }] }, key: "one" },
      { op: "hold", body: { from: "till", amount: 1_000 } },
    ];
    const each = await ask("POST", "/v1/batches", { atomic: false, commands });
    expect(each.body["results"]).toMatchObject([{ status: 201 }, { status: 201 }, { status: 422 }]);
    const again = await ask("POST", "/v1/batches", { atomic: false, commands: commands.slice(1, 2) });
    expect(again.body["results"]).toMatchObject([{ status: 201, replayed: true }]);
    const all = await ask("POST", "/v1/batches", { atomic: true, commands: commands.slice(1) });
    expect([all.status, all.body]).toMatchObject([422, { index: 1, account: "till" }]);
    expect((await get("/v1/accounts/till")).body).toMatchObject({ balance: 10, seq: 1 });
  });

  test("reading: entries as JSON and as CSV, the balance of a moment, the trial balance", async () => {
    const page = await get("/v1/accounts/%7Ba%7D:wallet/entries?limit=2");
    expect(page.body).toMatchObject({ data: [{ seq: 6 }, { seq: 5 }], next: expect.any(String) });
    const [, next = ""] = /^<(.+)>; rel="next"$/.exec(page.headers.get("link") ?? "") ?? [];
    expect((await get(next)).body).toMatchObject({ data: [{ seq: 4 }, { seq: 3 }] });
    const csv = await get("/v1/accounts/%7Ba%7D:wallet/entries?order=asc&limit=1", { Accept: "text/csv" });
    expect(csv.headers.get("content-type")).toStartWith("text/csv");
    expect(csv.text).toMatch(/^seq,amount,balance,counterparty,.+\r\n1,1000,1000,@world,.+\r\n$/);
    expect(csv.headers.get("link")).toContain('rel="next"');

    const { data } = Object(page.body);
    const at = encodeURIComponent(data[1].created_at);
    const { balance } = data[1];
    expect((await get(`/v1/accounts/%7Ba%7D:wallet/balance?at=${at}`)).body).toMatchObject({
      seq: 5,
      balance,
    });
    expect((await get("/v1/accounts/%7Ba%7D:wallet/balance")).body).toMatchObject({ seq: 6, balance: 350 });

    const { units } = Object((await get("/v1/ledger")).body);
    expect(units).toEqual([
      { unit: "CREDITS/2", balances: "500", world: "-500", in_transit: "0" },
      expect.anything(),
    ]);
    await eventually("the books are as late as promised, at most", async () => {
      const { books } = Object((await get("/v1/ledger")).body);
      return books.lag_ms >= 0 && books.lag_ms < LIST_MILLISECONDS_MAX;
    });
  });

  test("the contest's routes, on the same accounts", async () => {
    const body = { valor: 50, tipo: "d", descricao: "descricao" };
    const debit = await ask("POST", "/clientes/shop/transacoes", body);
    expect([debit.status, debit.body]).toEqual([200, { limite: 50, saldo: 90 }]);
    const { body: statement } = await ask("GET", "/clientes/shop/extrato", undefined, {}, "api-2");
    expect(statement).toMatchObject({
      saldo: { total: 90, limite: 50 },
      ultimas_transacoes: [body, { valor: 10 }, { valor: 150 }, { valor: 300 }, { valor: 300 }],
    });
    expect((await ask("POST", "/clientes/shop/transacoes", { ...body, valor: 141 })).status).toBe(422);
  });

  test("bodies up to their bounds, and not beyond, also in chunks", async () => {
    const filled = (bytes: number): string => `${" ".repeat(bytes - 2)}{}`;
    for (const [path, max] of [
      ["/clientes/shop/transacoes", bounds.contest_body_bytes_max],
      ["/v1/transactions", bounds.body_bytes_max],
      ["/v1/batches", bounds.batch_body_bytes_max],
    ] as const) {
      expect((await ask("POST", path, filled(max))).status).toBe(422);
      for (const body of [filled(max + 1), filled(2 * max)]) {
        const reply = await ask("POST", path, body);
        expect([reply.status, reply.body["type"]]).toEqual([413, "urn:razonete:problem:body-too-large"]);
        const chunked = await fetch(`${stack.url}${path}`, { method: "POST", body: chunks(body) });
        expect([chunked.status, await chunked.json()]).toEqual([413, reply.body]);
      }
    }
  });

  test("a key is remembered for as long as was set", async () => {
    const redis = createClient({ url: stack.description().redisUrl, RESP: 2 });
    await redis.connect();
    try {
      const seconds = Number(await redis.sendCommand(["TTL", "razonete:{0}:key:one"]));
      expect(seconds).toBeWithin(KEY_HOURS * 3600 - 600, KEY_HOURS * 3600 + 1);
    } finally {
      redis.destroy();
    }
  });

  test("stopped and started again, without saying so: still none of the contest's accounts, and the same hours", async () => {
    // Not how they stand: a hold may expire meanwhile.
    const ids = async () => accounts.parse((await get("/v1/accounts")).body).data.map(({ id }) => id);
    const before = await ids();
    expect(await stack.stop()).toBe(0);
    stack = await startStack({ data: stack.data, real: true });
    expect(await ids()).toEqual(before);
    expect(before.length).toBeGreaterThan(2);
    expect((await get("/clientes/1/extrato")).status).toBe(404);
    expect(await Bun.file(join(stack.data, "logs", "init.log")).text()).toContain(
      `begun without accounts; keys are remembered for ${KEY_HOURS} hours`,
    );
  });
});

const accounts = z.object({ data: z.array(z.object({ id: z.string() })) });

/** Sent without a length. */
function chunks(text: string): ReadableStream<Uint8Array> {
  return new Response(text).body ?? new ReadableStream();
}
