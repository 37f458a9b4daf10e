import { describe, expect, test } from "bun:test";
import { type AccountBody, type Client, credit, debit, json, problem } from "./support/client.ts";

/** Idempotency-Key: what is sent twice happens once. */
export function keysSection(api: Client): void {
  describe("Idempotency-Key", () => {
    const key = () => ({ "idempotency-key": crypto.randomUUID() });
    const replayed = (reply: Response) => reply.headers.get("idempotency-replayed");

    test("a transaction sent again gets the first answer, and is not applied again", async () => {
      const id = await api.account(0);
      const headers = key();
      const first = await api.transact(id, credit(5), headers);
      expect(replayed(first)).toBeNull();
      expect(await json(first, 200)).toEqual({ limite: 0, saldo: 5 });
      await api.transact(id, credit(100));
      const again = await api.transact(id, ' {"tipo":"c","descricao":"credit","valor":5.0} ', headers);
      expect(replayed(again)).toBe("true");
      expect(await json(again, 200)).toEqual({ limite: 0, saldo: 5 });
      expect(await json(await api.get(`/clientes/${id}`), 200)).toMatchObject({ saldo: 105 });
    });

    test("a refusal is the first outcome too", async () => {
      const id = await api.account(0);
      const headers = key();
      const first = await api.transact(id, debit(5), headers);
      expect(replayed(first)).toBeNull();
      await problem(first, 422, "limit-exceeded");
      await api.transact(id, credit(100));
      const again = await api.transact(id, debit(5), headers);
      expect(replayed(again)).toBe("true");
      await problem(again, 422, "limit-exceeded");
      expect(await json(await api.get(`/clientes/${id}`), 200)).toMatchObject({ saldo: 100 });
    });

    test("with another content it is 422 with a problem of its own", async () => {
      const [id, other] = [await api.account(0), await api.account(0)];
      const headers = key();
      await api.transact(id, credit(5), headers);
      for (const reply of [
        await api.transact(id, credit(6), headers),
        await api.transact(other, credit(5), headers),
        await api.send("PATCH", `/clientes/${id}`, { limite: 5 }, headers),
        await api.send("POST", "/clientes", { limite: 5 }, headers),
      ]) {
        expect(replayed(reply)).toBeNull();
        await problem(reply, 422, "idempotency-key-reused");
      }
      expect(await json(await api.get(`/clientes/${id}`), 200)).toMatchObject({ saldo: 5, limite: 0 });
      expect(await json(await api.get(`/clientes/${other}`), 200)).toMatchObject({ saldo: 0 });
    });

    test("an invalid request does not use up its key: the corrected request may use it", async () => {
      const id = await api.account(0);
      const headers = key();
      await problem(await api.transact(id, credit(0), headers), 422, "invalid-fields");
      expect(await json(await api.transact(id, credit(1), headers), 200)).toEqual({ limite: 0, saldo: 1 });
    });

    test("twenty at once apply once", async () => {
      const id = await api.account(0);
      const headers = key();
      const replies = await Promise.all(
        Array.from({ length: 20 }, () => api.transact(id, credit(5), headers)),
      );
      expect(replies.filter((reply) => replayed(reply) === null)).toHaveLength(1);
      for (const reply of replies) expect(await json(reply, 200)).toEqual({ limite: 0, saldo: 5 });
      expect(await json(await api.get(`/clientes/${id}`), 200)).toMatchObject({ saldo: 5 });
    });

    test("opening and changing a limit have it too", async () => {
      const opening = key();
      const opened = await json<AccountBody>(
        await api.send("POST", "/clientes", { limite: 7, nome: "k" }, opening),
        201,
      );
      const again = await api.send("POST", "/clientes", { limite: 7, nome: "k" }, opening);
      expect(replayed(again)).toBe("true");
      expect(again.headers.get("location")).toBe(`/clientes/${opened.id}`);
      expect(await json(again, 201)).toEqual(opened);

      const [path, changing] = [`/clientes/${opened.id}`, key()];
      const changed = await json(await api.send("PATCH", path, { limite: 8 }, changing), 200);
      await api.send("PATCH", path, { limite: 9 });
      const changedAgain = await api.send("PATCH", path, { limite: 8 }, changing);
      expect(replayed(changedAgain)).toBe("true");
      expect(await json(changedAgain, 200)).toEqual(changed);
      expect(await json(await api.get(path), 200)).toMatchObject({ limite: 9 });
    });

    test("has 1 to 255 visible characters", async () => {
      const id = await api.account(0);
      // Unique, so that a server that has run this suite before does not know them.
      const unique = crypto.randomUUID();
      for (const valid of [`!${unique}~`, unique.padEnd(255, "~"), `"${unique}"`]) {
        await json(await api.transact(id, credit(1), { "idempotency-key": valid }), 200);
      }
      for (const invalid of ["", "a b", "x".repeat(256), "é", "a\tb"]) {
        const reply = await api.transact(id, credit(1), { "idempotency-key": invalid });
        await problem(reply, 400, "invalid-idempotency-key");
      }
      expect(await json(await api.get(`/clientes/${id}`), 200)).toMatchObject({ saldo: 3 });
    });
  });
}
