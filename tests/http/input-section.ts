import { describe, expect, test } from "bun:test";
import { type Client, credit, json, problem } from "./support/client.ts";

const MAX = Number.MAX_SAFE_INTEGER;

/** What a client can get wrong on any route, or on the contest's, and the one answer to each. */
export function inputSection(api: Client, fresh: () => boolean): void {
  describe("bad input", () => {
    const valid = { valor: 1, tipo: "c", descricao: "x" };
    const fields: Record<string, unknown>[] = [
      ...[0, -1, 1.2, "10", null, true, [], {}, MAX + 1, 1e300].map((valor) => ({ ...valid, valor })),
      ...["x", "C", "", "cd", null, 1, ["c"]].map((tipo) => ({ ...valid, tipo })),
      ...["", null, 1, [], "elevenchars", "😀".repeat(11), "a\0b"].map((descricao) => ({
        ...valid,
        descricao,
      })),
      { tipo: "c", descricao: "x" },
      { valor: 1, descricao: "x" },
      { valor: 1, tipo: "c" },
      {},
    ];
    test.each([
      ...fields.map((body) => JSON.stringify(body)),
      '{"valor": 1e400, "tipo": "c", "descricao": "x"}',
      '{"valor": -1e400, "tipo": "c", "descricao": "x"}',
      '{"valor": 0.99999999999999999999, "tipo": "c", "descricao": "x"}',
      '{"valor": 9007199254740990.6, "tipo": "c", "descricao": "x"}',
      '{"valor": 99999999999999999999e-20, "tipo": "c", "descricao": "x"}',
      '{"valor": 1, "tipo": "c", "descricao": "\\ud800"}',
      '{"valor": 1, "tipo": "c", "descricao": "\\udc00\\ud800"}',
      "null",
      "[]",
      "5",
      '"text"',
      "true",
    ])("a transaction of %s is 422", async (body) => {
      await problem(await api.transact("1", body), 422, "invalid-fields");
    });

    test("an integer is one, however it is written; what a transaction ignores may be any number", async () => {
      const id = await api.account();
      for (const [valor, saldo] of [
        ["10.0", 10],
        ["1e3", 1010],
        ["0.5E1", 1015],
      ]) {
        const body = `{"valor": ${valor}, "tipo": "c", "descricao": "x", "z": 0.99999999999999999999}`;
        expect(await json(await api.transact(id, body), 200)).toMatchObject({ saldo });
      }
    });

    const POSTS = [
      "/clientes/1/transacoes",
      "/v1/accounts",
      "/v1/transactions",
      "/v1/transactions/t/reversal",
      "/v1/holds",
      "/v1/holds/h/capture",
      "/v1/holds/h/release",
      "/v1/batches",
    ];
    const EMPTY_BODY = /(reversal|capture|release)$/;

    test.each([
      "",
      "{",
      "{'valor': 1}",
      "valor=1",
      '{"valor": 1,}',
      "NaN",
      "\u0000",
      '{"valor": 01}',
      "{}{}",
      " ",
    ])(
      "a body %j that is no JSON is 400; nothing at all is {} where an action needs nothing",
      async (body) => {
        for (const path of POSTS) {
          const reply = await api.post(path, body);
          if (body === "" && EMPTY_BODY.test(path)) expect(reply.status).toBe(404);
          else await problem(reply, 400, "invalid-json");
        }
        await problem(await api.send("PATCH", "/v1/accounts/1", body), 400, "invalid-json");
      },
    );

    test("bytes that are no UTF-8 are 400", async () => {
      for (const bad of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x98]]) {
        const body = Buffer.concat([Buffer.from('{"unit": "'), Buffer.from(bad), Buffer.from('"}')]);
        for (const path of POSTS) {
          await problem(await api.get(path, { method: "POST", body }), 400, "invalid-json");
        }
      }
    });

    test("the problem names each field that is wrong", async () => {
      const reply = await api.transact("1", { valor: 0, tipo: "x", descricao: "" });
      const { errors } = await problem(reply, 422, "invalid-fields");
      expect(errors).toEqual([
        { pointer: "#/valor", detail: expect.stringContaining("valor") },
        { pointer: "#/tipo", detail: expect.stringContaining("tipo") },
        { pointer: "#/descricao", detail: expect.stringContaining("descricao") },
      ]);
    });

    test.each([
      "0",
      "-1",
      "01",
      "1.0",
      "+1",
      "abc",
      "{1}",
      "%7B1%7D",
      "%2531",
      "key:a",
      "@world",
      "constructor",
      "__proto__",
      "a".repeat(65),
      "99999",
      "9".repeat(400),
      "%00",
      "%zz",
      " 1",
      "１",
    ])(
      "account %s is 404: on the contest's route whatever the body, on /v1 where nothing is wrong",
      async (id) => {
        for (const body of [credit(1), credit(0), "no JSON", "", "x".repeat(5000)]) {
          await problem(await api.transact(id, body), 404, "account-not-found");
        }
        await problem(
          await api.transact(id, credit(1), { "idempotency-key": "a b" }),
          404,
          "account-not-found",
        );
        await problem(await api.get(`/clientes/${id}/extrato`), 404, "account-not-found");
        const path = `/v1/accounts/${id}`;
        await problem(await api.get(path), 404, "account-not-found");
        await problem(await api.get(`${path}/entries`), 404, "account-not-found");
        await problem(await api.get(`${path}/balance`), 404, "account-not-found");
        await problem(await api.get(`${path}/balance?at=2024-01-01T00:00:00Z`), 404, "account-not-found");
        await problem(await api.send("PATCH", path, { name: "x" }), 404, "account-not-found");
        await problem(await api.send("PATCH", path, { metadata: { a: "b" } }), 404, "account-not-found");
        await problem(await api.send("PATCH", path, { name: "" }), 422, "invalid-fields");
        await problem(
          await api.send("PATCH", path, {}, { "idempotency-key": "a b" }),
          400,
          "invalid-idempotency-key",
        );
        await problem(await api.get(`${path}?x=1`), 422, "invalid-fields");
      },
    );

    test.each([
      "/",
      "/clientes",
      "/clientes/",
      "/clientes/1",
      "/clientes/1/",
      "/clientes/1/extrato/",
      "/clientes/1/x",
      "/Clientes",
      "/v1",
      "/v1/",
      "/v1/accounts/",
      "/v1/accounts/1/",
      "/v1/accounts/1/x",
      "/v1/holds/h/expire",
      "/V1/accounts",
      "/v2/accounts",
      "/x",
      "//",
    ])("route %s is 404", async (path) => {
      await problem(await api.get(path), 404, "route-not-found");
      await problem(await api.post(path, valid), 404, "route-not-found");
    });

    test.each([
      ["/clientes/1/transacoes", "GET", "POST"],
      ["/clientes/1/transacoes", "DELETE", "POST"],
      ["/clientes/1/extrato", "POST", "GET, HEAD"],
      ["/v1/accounts", "PUT", "POST, GET, HEAD"],
      ["/v1/accounts/1", "POST", "GET, HEAD, PATCH"],
      ["/v1/accounts/1/entries", "POST", "GET, HEAD"],
      ["/v1/accounts/1/balance", "PATCH", "GET, HEAD"],
      ["/v1/transactions", "DELETE", "POST, GET, HEAD"],
      ["/v1/transactions/t", "POST", "GET, HEAD"],
      ["/v1/transactions/t/reversal", "GET", "POST"],
      ["/v1/holds", "PATCH", "POST, GET, HEAD"],
      ["/v1/holds/h", "DELETE", "GET, HEAD"],
      ["/v1/holds/h/capture", "GET", "POST"],
      ["/v1/holds/h/release", "HEAD", "POST"],
      ["/v1/batches", "GET", "POST"],
      ["/v1/ledger", "POST", "GET, HEAD"],
      ["/readyz", "POST", "GET, HEAD"],
      ["/livez", "OPTIONS", "GET, HEAD"],
    ])("%s has no %s: 405 with Allow", async (path, method, allow) => {
      const reply = await api.get(path, { method });
      expect(reply.headers.get("allow")).toBe(allow);
      if (method === "HEAD") expect(reply.status).toBe(405);
      else await problem(reply, 405, "method-not-allowed");
    });

    test("HEAD answers as GET does, without the body", async () => {
      for (const path of ["/clientes/1/extrato", "/v1/accounts/1", "/v1/accounts/1/entries", "/v1/ledger"]) {
        const reply = await api.get(path, { method: "HEAD" });
        expect(reply.status).toBe(200);
        expect(reply.headers.get("content-type")).toBe("application/json");
        expect(await reply.text()).toBe("");
      }
    });

    test.each([
      ["of the contest", "/clientes/ID/transacoes", JSON.stringify(valid), 4096],
      ["of /v1", "/v1/transactions", '{"postings":[{"from":"@world","to":"ID","amount":1}]}', 8192],
      [
        "of a batch",
        "/v1/batches",
        '{"atomic":true,"commands":[{"op":"transaction","body":{"postings":[{"from":"@world","to":"ID","amount":1}]}}]}',
        262_144,
      ],
    ])(
      "a body %s has a bound, with and without its length given; one of just that size is read",
      async (...row) => {
        const [, route, text, max] = row;
        const id = await api.account();
        const [path, body] = [route.replace("ID", id), text.replace("ID", id)];
        const chunked = (whole: string) =>
          new ReadableStream({
            start(controller) {
              for (let at = 0; at < whole.length; at += 1000) {
                controller.enqueue(new TextEncoder().encode(whole.slice(at, at + 1000)));
              }
              controller.close();
            },
          });
        const stream = (bytes: number) =>
          api.get(path, { method: "POST", body: chunked(body.padEnd(bytes, " ")) });
        expect((await api.post(path, body.padEnd(max, " "))).ok).toBe(true);
        expect((await stream(max)).ok).toBe(true);
        for (const bytes of [max + 1, max + 100_000, 3_000_000]) {
          await problem(await api.post(path, body.padEnd(bytes, " ")), 413, "body-too-large");
          await problem(await stream(bytes), 413, "body-too-large");
        }
        expect(await api.readAccount(id)).toMatchObject({ balance: 2 });
      },
    );

    test("nothing of all that changed a balance", async () => {
      if (fresh()) expect(await api.readAccount("1")).toMatchObject({ balance: 0, seq: 0 });
    });
  });
}
