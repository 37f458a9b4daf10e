import { describe, expect, test } from "bun:test";
import { type Client, credit, json, problem } from "./support/client.ts";

const MAX = Number.MAX_SAFE_INTEGER;

/** What a client can get wrong, and the one answer to each. */
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

    test.each(["0.99999999999999999999", "9007199254740990.6", "1e-400"])(
      "a limit of %s is 422",
      async (limite) => {
        const body = `{"limite": ${limite}}`;
        await problem(await api.send("POST", "/clientes", body), 422, "invalid-fields");
        await problem(await api.send("PATCH", "/clientes/1", body), 422, "invalid-fields");
      },
    );

    test("an integer is one, however it is written; what a transaction ignores may be any number", async () => {
      const id = await api.account(0);
      for (const [valor, saldo] of [
        ["10.0", 10],
        ["1e3", 1010],
        ["0.5E1", 1015],
      ]) {
        const body = `{"valor": ${valor}, "tipo": "c", "descricao": "x", "z": 0.99999999999999999999}`;
        expect(await json(await api.transact(id, body), 200)).toMatchObject({ saldo });
      }
    });

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
    ])("a body %j that is no JSON is 400", async (body) => {
      await problem(await api.transact("1", body), 400, "invalid-json");
      await problem(await api.send("POST", "/clientes", body), 400, "invalid-json");
      await problem(await api.send("PATCH", "/clientes/1", body), 400, "invalid-json");
    });

    test("bytes that are no UTF-8 are 400", async () => {
      for (const bad of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x98]]) {
        const body = Buffer.concat([
          Buffer.from('{"valor": 1, "tipo": "c", "descricao": "'),
          Buffer.from(bad),
          Buffer.from('"}'),
        ]);
        const reply = await api.get("/clientes/1/transacoes", { method: "POST", body });
        await problem(reply, 400, "invalid-json");
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
      "constructor",
      "a".repeat(65),
      "1e0",
      "99999",
      "9007199254740993",
      "9".repeat(400),
      "%00",
      "%zz",
      " 1",
      "１",
    ])("account %s is 404, whatever the body", async (id) => {
      for (const body of [credit(1), credit(0), "no JSON", "", "x".repeat(5000)]) {
        await problem(await api.transact(id, body), 404, "account-not-found");
        await problem(await api.send("PATCH", `/clientes/${id}`, body), 404, "account-not-found");
      }
      await problem(
        await api.transact(id, credit(1), { "idempotency-key": "a b" }),
        404,
        "account-not-found",
      );
      await problem(await api.get(`/clientes/${id}`), 404, "account-not-found");
      await problem(await api.get(`/clientes/${id}/extrato`), 404, "account-not-found");
      await problem(await api.get(`/clientes/${id}/transacoes?quantidade=x`), 404, "account-not-found");
    });

    test.each([
      "/",
      "/clientes/",
      "/clientes/1/",
      "/clientes/1/extrato/",
      "/clientes/1/x",
      "/Clientes",
      "/x",
      "//",
    ])("route %s is 404", async (path) => {
      await problem(await api.get(path), 404, "route-not-found");
      await problem(await api.send("POST", path, valid), 404, "route-not-found");
    });

    test.each([
      ["/clientes/1/transacoes", "PUT", "POST, GET, HEAD"],
      ["/clientes/1/transacoes", "DELETE", "POST, GET, HEAD"],
      ["/clientes/1/extrato", "POST", "GET, HEAD"],
      ["/clientes/1", "POST", "GET, HEAD, PATCH"],
      ["/clientes", "GET", "POST"],
      ["/clientes", "HEAD", "POST"],
      ["/readyz", "POST", "GET, HEAD"],
      ["/livez", "OPTIONS", "GET, HEAD"],
    ])("%s has no %s: 405 with Allow", async (path, method, allow) => {
      const reply = await api.get(path, { method });
      expect(reply.headers.get("allow")).toBe(allow);
      if (method === "HEAD") expect(reply.status).toBe(405);
      else await problem(reply, 405, "method-not-allowed");
    });

    test("HEAD answers as GET does, without the body", async () => {
      const reply = await api.get("/clientes/1/extrato", { method: "HEAD" });
      expect(reply.status).toBe(200);
      expect(reply.headers.get("content-type")).toBe("application/json");
      expect(await reply.text()).toBe("");
    });

    test("a body over 4 KiB is 413, with and without its length given; one of 4 KiB is read", async () => {
      const id = await api.account(0);
      const padded = (bytes: number) => JSON.stringify(valid).padEnd(bytes, " ");
      const chunked = (text: string) =>
        new ReadableStream({
          start(controller) {
            for (let at = 0; at < text.length; at += 1000) {
              controller.enqueue(new TextEncoder().encode(text.slice(at, at + 1000)));
            }
            controller.close();
          },
        });
      const path = `/clientes/${id}/transacoes`;
      await json(await api.transact(id, padded(4096)), 200);
      await json(await api.get(path, { method: "POST", body: chunked(padded(4096)) }), 200);
      for (const bytes of [4097, 100_000, 3_000_000]) {
        await problem(await api.transact(id, padded(bytes)), 413, "body-too-large");
        await problem(
          await api.get(path, { method: "POST", body: chunked(padded(bytes)) }),
          413,
          "body-too-large",
        );
      }
      expect(await json(await api.get(`/clientes/${id}`), 200)).toMatchObject({ saldo: 2 });
    });

    test("nothing of all that changed a balance", async () => {
      if (!fresh()) return;
      expect(await json(await api.get("/clientes/1"), 200)).toMatchObject({ saldo: 0 });
    });
  });
}
