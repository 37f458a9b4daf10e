import { describe, expect, test } from "bun:test";
import { INITIAL_CREDIT_LIMITS } from "../../src/ledger/account.ts";
import { accountPath, type Client, credit, debit, json, problem } from "./support/client.ts";

const MICROSECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** The two routes of the contract, to the letter. */
export function contractSection(api: Client, fresh: () => boolean): void {
  describe("the contract", () => {
    test("the accounts 1 to 5 are open with their limits", async () => {
      for (const [index, limite] of INITIAL_CREDIT_LIMITS.entries()) {
        const statement = await json(await api.get(`/clientes/${index + 1}/extrato`), 200);
        expect(statement).toMatchObject({ saldo: { limite } });
        if (fresh()) expect(statement).toMatchObject({ saldo: { total: 0 }, ultimas_transacoes: [] });
      }
    });

    test("a transaction answers the limit and the balance, and nothing else", async () => {
      const id = await api.account(1000);
      expect(await json(await api.transact(id, credit(500)), 200)).toEqual({ limite: 1000, saldo: 500 });
      expect(await json(await api.transact(id, debit(1500)), 200)).toEqual({ limite: 1000, saldo: -1000 });
      await problem(await api.transact(id, debit(1)), 422, "limit-exceeded");
      expect(await json(await api.transact(id, credit(1)), 200)).toEqual({ limite: 1000, saldo: -999 });
    });

    test("a statement has the balance, the time of reading and the ten latest, newest first", async () => {
      const id = await api.account(1000);
      for (let valor = 1; valor <= 11; valor += 1) await api.transact(id, credit(valor));
      await api.transact(id, { valor: 9, tipo: "d", descricao: "last" });
      const statement = await json(await api.get(`/clientes/${id}/extrato`), 200);
      expect(statement).toEqual({
        saldo: { total: 57, data_extrato: expect.stringMatching(MICROSECONDS), limite: 1000 },
        ultimas_transacoes: [
          { valor: 9, tipo: "d", descricao: "last", realizada_em: expect.stringMatching(MICROSECONDS) },
          ...[11, 10, 9, 8, 7, 6, 5, 4, 3].map((valor) => ({
            valor,
            tipo: "c",
            descricao: "credit",
            realizada_em: expect.stringMatching(MICROSECONDS),
          })),
        ],
      });
    });

    test("a statement read after an answer shows what was answered", async () => {
      const id = await api.account(0);
      for (let saldo = 1; saldo <= 50; saldo += 1) {
        expect(await json(await api.transact(id, credit(1)), 200)).toMatchObject({ saldo });
        expect(await json(await api.get(`/clientes/${id}/extrato`), 200)).toMatchObject({
          saldo: { total: saldo },
        });
      }
    });

    test("descriptions come back as they were sent", async () => {
      const id = await api.account(0);
      const texts = [
        '"',
        "\\",
        "a\nb\r\t",
        "a|b",
        "😀".repeat(10),
        "é".repeat(10),
        "\u0001\u001f\u007f",
        "\u2028",
        "\uFFFD",
      ];
      for (const descricao of texts) {
        await json(await api.transact(id, { valor: 1, tipo: "c", descricao }), 200);
        const statement = await json(await api.get(`/clientes/${id}/extrato`), 200);
        expect(statement["ultimas_transacoes"]).toHaveProperty("0.descricao", descricao);
      }
    });

    test("a statement shows what came by other routes: its description cut to 10 characters, or an empty text", async () => {
      const id = await api.account(5, { unit: "TOKENS" });
      for (const description of [null, "😀".repeat(11), "exactly 10", "x".repeat(140)]) {
        const postings = [{ from: "@world", to: id, amount: 1 }];
        await json(await api.post("/v1/transactions", { postings, description }), 201);
      }
      await api.move([id, "@world", 2]);
      const statement = await json(await api.get(`/clientes/${id}/extrato`), 200);
      expect(statement).toMatchObject({
        saldo: { total: 2, limite: 5 },
        ultimas_transacoes: [
          { valor: 2, tipo: "d", descricao: "" },
          { valor: 1, tipo: "c", descricao: "x".repeat(10) },
          { valor: 1, tipo: "c", descricao: "exactly 10" },
          { valor: 1, tipo: "c", descricao: "😀".repeat(10) },
          { valor: 1, tipo: "c", descricao: "" },
        ],
      });
    });

    test("every account is served, with what its holds and its state leave of it", async () => {
      const id = `{c}.${crypto.randomUUID()}`;
      await api.account(10, { id });
      const hold = await api.hold(id, 6);
      const path = encodeURIComponent(id);
      await problem(await api.transact(path, debit(5)), 422, "limit-exceeded");
      expect(await json(await api.transact(path, debit(4)), 200)).toEqual({ limite: 10, saldo: -4 });
      await json(await api.send("PATCH", accountPath(id), { state: "frozen" }), 200);
      await problem(await api.transact(path, debit(1)), 422, "account-frozen");
      expect(await json(await api.transact(path, credit(4)), 200)).toEqual({ limite: 10, saldo: 0 });
      await json(await api.post(`/v1/holds/${hold.id}/release`), 200);
      await json(await api.send("PATCH", accountPath(id), { state: "closed" }), 200);
      await problem(await api.transact(path, credit(1)), 422, "account-closed");
    });

    test("the content type is ignored", async () => {
      const id = await api.account(0);
      for (const type of ["text/plain", "application/x-www-form-urlencoded", "x"]) {
        await json(await api.transact(id, credit(1), { "content-type": type }), 200);
      }
    });

    test("further members are ignored, and of a doubled one the last counts", async () => {
      const id = await api.account(0);
      await json(await api.transact(id, { ...credit(1), extra: [1, {}] }), 200);
      const doubled =
        '{"valor": "x", "valor": 5, "tipo": "x", "tipo": "c", "descricao": "", "descricao": "d"}';
      expect(await json(await api.transact(id, doubled), 200)).toMatchObject({ saldo: 6 });
      const spoiled = '{"valor": 5, "valor": "x", "tipo": "c", "descricao": "d"}';
      await problem(await api.transact(id, spoiled), 422, "invalid-fields");
    });

    test("1.0 and 1e2 are integers", async () => {
      const id = await api.account(0);
      await json(await api.transact(id, '{"valor": 1.0, "tipo": "c", "descricao": "x"}'), 200);
      expect(
        await json(await api.transact(id, '{"valor": 1e2, "tipo": "c", "descricao": "x"}'), 200),
      ).toMatchObject({
        saldo: 101,
      });
    });
  });
}
