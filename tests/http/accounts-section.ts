import { describe, expect, test } from "bun:test";
import {
  type AccountBody,
  type Client,
  type HistoryBody,
  credit,
  debit,
  json,
  problem,
} from "./support/client.ts";

const MAX = Number.MAX_SAFE_INTEGER;
/** Nothing in it has to be escaped in a path, and nobody takes it for a number. */
const NEW_ID = /^(?=.*[a-z])[a-z0-9]{1,64}$/;

/** Accounts, their history, and the health routes: what goes beyond the contest's contract. */
export function accountsSection(api: Client): void {
  describe("accounts", () => {
    test("are opened with 201, a Location and the account, which GET shows too", async () => {
      const reply = await api.send("POST", "/clientes", { limite: 100_000, nome: "Padaria Joia 😀" });
      const location = reply.headers.get("location");
      const opened = await json<AccountBody>(reply, 201);
      expect(opened).toEqual({
        id: expect.stringMatching(NEW_ID),
        nome: "Padaria Joia 😀",
        limite: 100_000,
        saldo: 0,
      });
      expect(location).toBe(`/clientes/${opened.id}`);
      expect(await json(await api.get(String(location)), 200)).toEqual(opened);
    });

    test("have an id each, also if opened at once, and are served by it, however it is written", async () => {
      const ids = await Promise.all(Array.from({ length: 20 }, () => api.account(1)));
      expect(new Set(ids).size).toBe(20);
      for (const [index, id] of ids.entries()) {
        expect(id).toMatch(NEW_ID);
        const escaped = `%${id.charCodeAt(0).toString(16)}${id.slice(1)}`;
        await json(await api.transact(escaped, credit(index + 1)), 200);
      }
      for (const [index, id] of ids.entries())
        expect(await json(await api.get(`/clientes/${id}/extrato`), 200)).toMatchObject({
          saldo: { total: index + 1 },
        });
    });

    test("may have no name, and any limit from 0 to 2^53 - 1", async () => {
      for (const body of [{ limite: 0 }, { limite: MAX, nome: null }]) {
        expect(await json(await api.send("POST", "/clientes", body), 201)).toMatchObject({
          nome: null,
          limite: body.limite,
        });
      }
      const longest = "😀".repeat(100);
      expect(
        await json(await api.send("POST", "/clientes", { limite: 1, nome: longest }), 201),
      ).toMatchObject({
        nome: longest,
      });
    });

    test.each([
      [{}, "limite"],
      [{ limite: -1 }, "limite"],
      [{ limite: 1.5 }, "limite"],
      [{ limite: "1" }, "limite"],
      [{ limite: null }, "limite"],
      [{ limite: MAX + 1 }, "limite"],
      [{ limite: 1, nome: "" }, "nome"],
      [{ limite: 1, nome: 7 }, "nome"],
      [{ limite: 1, nome: "x".repeat(101) }, "nome"],
      [{ limite: 1, nome: "a\0" }, "nome"],
      [{ limite: 1, name: "English" }, "limite and nome only"],
      [[], "object"],
      [null, "object"],
    ])("opening with %j is 422", async (body, named) => {
      const { detail } = await problem(await api.send("POST", "/clientes", body), 422, "invalid-fields");
      expect(detail).toContain(named);
    });

    test("change their limit, except under what is owed", async () => {
      const id = await api.account(1000);
      await api.transact(id, debit(600));
      const path = `/clientes/${id}`;
      expect(await json(await api.send("PATCH", path, { limite: 600 }), 200)).toEqual({
        id,
        nome: null,
        limite: 600,
        saldo: -600,
      });
      await problem(await api.send("PATCH", path, { limite: 599 }), 422, "limit-too-low");
      await problem(await api.transact(id, debit(1)), 422, "limit-exceeded");
      await json(await api.send("PATCH", path, { limite: 601 }), 200);
      expect(await json(await api.transact(id, debit(1)), 200)).toEqual({ limite: 601, saldo: -601 });
      for (const body of [{}, { limite: -1 }, { limite: "1" }, { limite: 1, nome: "x" }, [], 5]) {
        await problem(await api.send("PATCH", path, body), 422, "invalid-fields");
      }
    });

    test("keep balances within ±(2^53 - 1)", async () => {
      const id = await api.account(MAX);
      await json(await api.transact(id, credit(MAX)), 200);
      await problem(await api.transact(id, credit(1)), 422, "balance-out-of-range");
      await json(await api.transact(id, debit(MAX)), 200);
      expect(await json(await api.transact(id, debit(MAX)), 200)).toEqual({ limite: MAX, saldo: -MAX });
      await problem(await api.transact(id, debit(1)), 422, "limit-exceeded");
    });
  });

  describe("the history", () => {
    test("goes back to the first entry by its Link, newest first, with the balance after each", async () => {
      const id = await api.account(1000);
      for (let valor = 1; valor <= 7; valor += 1)
        await api.transact(id, valor % 2 ? credit(valor) : debit(valor));
      const pages: HistoryBody["transacoes"][] = [];
      let next: string | undefined = `/clientes/${id}/transacoes?quantidade=3`;
      while (next !== undefined) {
        const reply = await api.get(next);
        next = /^<(.+)>; rel="next"$/.exec(reply.headers.get("link") ?? "")?.[1];
        pages.push((await json<HistoryBody>(reply, 200)).transacoes);
      }
      expect(pages.map((page) => page.map((item) => item.seq))).toEqual([[7, 6, 5], [4, 3, 2], [1]]);
      expect(pages.flat().map((item) => item.saldo)).toEqual([4, -3, 3, -2, 2, -1, 1]);
      expect(pages[0]?.[0]).toEqual({
        seq: 7,
        valor: 7,
        tipo: "c",
        descricao: "credit",
        saldo: 4,
        realizada_em: expect.stringMatching(/\.\d{6}Z$/),
      });
    });

    test("has 50 a page where nothing is said, and 100 at most", async () => {
      const id = await api.account(0);
      await Promise.all(Array.from({ length: 120 }, () => api.transact(id, credit(1))));
      const count = async (query: string) =>
        (await json<HistoryBody>(await api.get(`/clientes/${id}/transacoes${query}`), 200)).transacoes.length;
      expect(await count("")).toBe(50);
      expect(await count("?quantidade=100")).toBe(100);
      expect(await count("?antes_de=21")).toBe(20);
      expect(await count("?antes_de=1")).toBe(0);
      expect(await count("?other=1")).toBe(50);
    });

    test.each([
      "quantidade=0",
      "quantidade=101",
      "quantidade=-1",
      "quantidade=x",
      "quantidade=",
      "quantidade=1.5",
      "antes_de=0",
      "antes_de=x",
      "antes_de=9007199254740992",
      "antes_de=",
    ])("a query of %s is 422", async (query) => {
      const reply = await api.get(`/clientes/1/transacoes?${query}`);
      const { errors } = await problem(reply, 422, "invalid-fields");
      expect(errors).toEqual([{ parameter: query.split("=")[0], detail: expect.any(String) }]);
    });
  });

  describe("health", () => {
    test("/livez and /readyz answer 200", async () => {
      expect(await json(await api.get("/livez"), 200)).toEqual({ status: "alive" });
      expect(await json(await api.get("/readyz"), 200)).toEqual({ status: "ready" });
    });
  });
}
