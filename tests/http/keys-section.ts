import { describe, expect, test } from "bun:test";
import {
  accountPath,
  type AccountBody,
  type Client,
  credit,
  debit,
  type HoldBody,
  json,
  problem,
} from "./support/client.ts";

/** Idempotency-Key: what is sent twice happens once. */
export function keysSection(api: Client): void {
  describe("Idempotency-Key", () => {
    const key = () => ({ "idempotency-key": crypto.randomUUID() });
    const replayed = (reply: Response) => reply.headers.get("idempotency-replayed");

    test("a transaction sent again gets the first answer, and is not applied again", async () => {
      const id = await api.account();
      const headers = key();
      const first = await api.transact(id, credit(5), headers);
      expect(replayed(first)).toBeNull();
      expect(await json(first, 200)).toEqual({ limite: 0, saldo: 5 });
      await api.transact(id, credit(100));
      const again = await api.transact(id, ' {"tipo":"c","descricao":"credit","valor":5.0} ', headers);
      expect(replayed(again)).toBe("true");
      expect(await json(again, 200)).toEqual({ limite: 0, saldo: 5 });
      expect(await api.readAccount(id)).toMatchObject({ balance: 105 });
    });

    test("a refusal is the first outcome too", async () => {
      const id = await api.account();
      const postings = [{ from: id, to: "@world", amount: 5 }];
      const refused: [string, unknown][] = [
        [`/clientes/${id}/transacoes`, debit(5)],
        ["/v1/transactions", { postings }],
        ["/v1/holds", { from: id, amount: 5 }],
      ];
      const headers = refused.map(key);
      const attempt = async (index: number) => {
        const [path = "", body] = refused[index] ?? [];
        return api.post(path, body, headers[index]);
      };
      const first: unknown[] = [];
      for (const index of refused.keys()) {
        const reply = await attempt(index);
        expect(replayed(reply)).toBeNull();
        first.push(await problem(reply, 422, "limit-exceeded"));
      }
      await api.move(["@world", id, 100]);
      for (const index of refused.keys()) {
        const again = await attempt(index);
        expect(replayed(again)).toBe("true");
        expect(await problem(again, 422, "limit-exceeded")).toEqual(Object(first[index]));
      }
      expect(await api.readAccount(id)).toMatchObject({ balance: 100, held: 0 });
    });

    test("with another content it is 422 with a problem of its own", async () => {
      const [id, other] = [await api.account(), await api.account()];
      const headers = key();
      await api.transact(id, credit(5), headers);
      for (const reply of [
        await api.transact(id, credit(6), headers),
        await api.transact(other, credit(5), headers),
        await api.send("PATCH", accountPath(id), { credit_limit: 5 }, headers),
        await api.post("/v1/accounts", { unit: "BRL/2" }, headers),
        await api.post("/v1/transactions", { postings: [{ from: "@world", to: id, amount: 5 }] }, headers),
        await api.post("/v1/holds", { from: id, amount: 5 }, headers),
      ]) {
        expect(replayed(reply)).toBeNull();
        await problem(reply, 422, "idempotency-key-reused");
      }
      expect(await api.readAccount(id)).toMatchObject({ balance: 5, credit_limit: 0 });
      expect(await api.readAccount(other)).toMatchObject({ balance: 0 });
    });

    test("an invalid request does not use up its key: the corrected request may use it", async () => {
      const id = await api.account();
      const headers = key();
      await problem(await api.transact(id, credit(0), headers), 422, "invalid-fields");
      expect(await json(await api.transact(id, credit(1), headers), 200)).toEqual({ limite: 0, saldo: 1 });
      const later = key();
      await problem(await api.post("/v1/holds", { from: id, amount: 0 }, later), 422, "invalid-fields");
      await json(await api.post("/v1/holds", { from: id, amount: 1 }, later), 201);
    });

    test("twenty at once apply once", async () => {
      const id = await api.account();
      const headers = key();
      const replies = await Promise.all(
        Array.from({ length: 20 }, () => api.transact(id, credit(5), headers)),
      );
      expect(replies.filter((reply) => replayed(reply) === null)).toHaveLength(1);
      for (const reply of replies) expect(await json(reply, 200)).toEqual({ limite: 0, saldo: 5 });
      expect(await api.readAccount(id)).toMatchObject({ balance: 5 });
    });

    test("every POST and PATCH has it, and repeats status, Location and body", async () => {
      const a = await api.funded(1000);
      const twice = async (method: string, path: string, body: unknown, status: number) => {
        const headers = key();
        const first = await api.send(method, path, body, headers);
        expect([replayed(first), first.status]).toEqual([null, status]);
        const text = await first.text();
        const { id }: { readonly id: string } = JSON.parse(text);
        // So that the account does not stand as it stood.
        await api.move(["@world", a, 1]);
        const again = await api.send(method, path, body, headers);
        expect([replayed(again), again.status]).toEqual(["true", status]);
        expect(again.headers.get("location")).toBe(first.headers.get("location"));
        expect(await again.text()).toBe(text);
        return id;
      };
      await twice("POST", "/v1/accounts", { unit: "BRL/2", name: "k" }, 201);
      await twice("POST", "/v1/accounts", { id: `k-${crypto.randomUUID()}`, unit: "BRL/2" }, 201);
      await twice("PATCH", accountPath(a), { credit_limit: 8, metadata: { a: "b" } }, 200);
      const postings = [{ from: a, to: "@world", amount: 10 }];
      const transaction = await twice("POST", "/v1/transactions", { postings }, 201);
      await twice("POST", `/v1/transactions/${transaction}/reversal`, "", 201);
      const captured = await twice("POST", "/v1/holds", { from: a, amount: 10 }, 201);
      await twice("POST", `/v1/holds/${captured}/capture`, { amount: 4 }, 200);
      const { id: released }: HoldBody = await api.hold(a, 10);
      await twice("POST", `/v1/holds/${released}/release`, "", 200);
      expect(await api.readAccount(a)).toMatchObject({ balance: 1004, held: 0, credit_limit: 8 });
    });

    test("what was changed since then does not come back", async () => {
      const id = await api.account();
      const headers = key();
      const patch = (body: object, withKey = {}) => api.send("PATCH", accountPath(id), body, withKey);
      const changed = await json<AccountBody>(await patch({ name: "first" }, headers), 200);
      await json(await patch({ name: "second" }), 200);
      expect(await json<AccountBody>(await patch({ name: "first" }, headers), 200)).toEqual(changed);
      expect(await api.readAccount(id)).toMatchObject({ name: "second" });
    });

    test("has 1 to 255 visible characters", async () => {
      const id = await api.account();
      // Unique, so that a server that has run this suite before does not know them.
      const unique = crypto.randomUUID();
      for (const valid of [`!${unique}~`, unique.padEnd(255, "~"), `"${unique}"`]) {
        await json(await api.transact(id, credit(1), { "idempotency-key": valid }), 200);
      }
      const postings = [{ from: "@world", to: id, amount: 1 }];
      for (const invalid of ["", "a b", "x".repeat(256), "é", "a\tb"]) {
        const headers = { "idempotency-key": invalid };
        for (const reply of [
          await api.transact(id, credit(1), headers),
          await api.post("/v1/transactions", { postings }, headers),
          await api.send("PATCH", accountPath(id), {}, headers),
          await api.post("/v1/batches", { atomic: true, commands: [{ op: "release", id: "h" }] }, headers),
        ]) {
          await problem(reply, 400, "invalid-idempotency-key");
        }
      }
      expect(await api.readAccount(id)).toMatchObject({ balance: 3 });
    });
  });
}
