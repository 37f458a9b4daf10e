import { describe, expect, test } from "bun:test";
import {
  type AccountBody,
  type Client,
  expectProblem,
  type HoldBody,
  json,
  problem,
  type TransactionBody,
  wrongFields,
} from "./support/client.ts";

interface ResultBody<Body> {
  readonly status: number;
  readonly body: Body;
  readonly replayed?: boolean;
}

export function batchesSection(api: Client): void {
  const send = (atomic: boolean, commands: unknown, headers = {}) =>
    api.post("/v1/batches", { atomic, commands }, headers);
  const results = async <Body = Record<string, unknown>>(reply: Response): Promise<ResultBody<Body>[]> =>
    (await json<{ results: ResultBody<Body>[] }>(reply, 200)).results;
  const move = (from: string, to: string, amount: number) => ({
    op: "transaction",
    body: { postings: [{ from, to, amount }] },
  });
  const key = () => crypto.randomUUID();

  for (const atomic of [false, true]) {
    describe(atomic ? "atomic batches" : "batches", () => {
      test("do everything that has a route of its own, in order, with its status and body", async () => {
        const a = await api.funded(100);
        const id = `{${a}}:b`;
        const [held, freed] = [await api.hold(a, 10), await api.hold(a, 20)];
        const wrong = await api.move(["@world", a, 1]);
        const done = await results(
          await send(atomic, [
            { op: "account", body: { id, unit: "BRL/2" } },
            { op: "account", body: { id, unit: "BRL/2" } },
            move(a, id, 30),
            { op: "hold", key: null, id: null, body: { from: id, amount: 30 } },
            { op: "capture", id: held.id, body: { amount: 5 } },
            { op: "release", id: freed.id },
            { op: "reversal", id: wrong.id, body: null },
          ]),
        );
        expect(done.map(({ status }) => status)).toEqual([201, 200, 201, 201, 200, 200, 201]);
        expect(done.map(({ body }) => Object.keys(body).length)).toEqual([11, 11, 9, 13, 13, 13, 9]);
        expect(done.map(({ replayed }) => replayed)).toEqual(done.map(() => undefined));
        expect(done[0]?.body).toMatchObject({ id, balance: 0 });
        expect(done[2]?.body).toMatchObject({ accounts: { [a]: { balance: 71 }, [id]: { balance: 30 } } });
        expect(done[3]?.body).toMatchObject({ state: "open", account: { held: 30, available: 0 } });
        expect(done[4]?.body).toMatchObject({ state: "captured", captured: 5, account: { balance: 66 } });
        expect(done[5]?.body).toMatchObject({ state: "released", account: { balance: 66, held: 0 } });
        expect(done[6]?.body).toMatchObject({ reverses: wrong.id, accounts: { [a]: { balance: 65 } } });
        expect(await api.readAccount(a)).toMatchObject({ balance: 65, held: 0 });
      });

      test("with an Idempotency-Key are done once, as a whole", async () => {
        const a = await api.account();
        const [commands, headers] = [
          [move("@world", a, 1), move("@world", a, 2)],
          { "idempotency-key": key() },
        ];
        const reply = await send(atomic, commands, headers);
        expect(reply.headers.get("idempotency-replayed")).toBeNull();
        const first = await results(reply);
        await api.move(["@world", a, 100]);
        const again = await send(atomic, commands, headers);
        expect(again.headers.get("idempotency-replayed")).toBe("true");
        expect(await results(again)).toEqual(first.map((result) => ({ ...result, replayed: true })));
        expect(await api.readAccount(a)).toMatchObject({ balance: 103, seq: 3 });
      });

      test("know the keys of single commands, which requests have too", async () => {
        const a = await api.account();
        const [one, other] = [key(), key()];
        const body = { postings: [{ from: "@world", to: a, amount: 1 }] };
        const made = await json<TransactionBody>(
          await api.post("/v1/transactions", body, { "idempotency-key": one }),
          201,
        );
        const done = await results<TransactionBody>(
          await send(atomic, [
            { op: "transaction", key: one, body },
            { op: "transaction", key: other, body },
          ]),
        );
        expect(done.map(({ replayed }) => replayed)).toEqual([true, undefined]);
        expect(done[0]?.body).toEqual(made);
        expect(await api.readAccount(a)).toMatchObject({ balance: 2 });
        const replayed = await api.post("/v1/transactions", body, { "idempotency-key": other });
        expect(replayed.headers.get("idempotency-replayed")).toBe("true");
        expect((await json<TransactionBody>(replayed, 201)).id).toBe(String(done[1]?.body.id));
      });

      test("of 500 are done, of none or 501 are 422", async () => {
        const a = await api.account();
        const commands = Array.from({ length: 500 }, () => move("@world", a, 1));
        const done = await results<TransactionBody>(await send(atomic, commands));
        expect(done.map(({ body }) => body.accounts[a]?.balance)).toEqual(
          Array.from({ length: 500 }, (_, index) => index + 1),
        );
        for (const wrong of [[], [...commands, move("@world", a, 1)]]) {
          expect(await wrongFields(await send(atomic, wrong))).toEqual(["#/commands"]);
        }
        expect(await api.readAccount(a)).toMatchObject({ balance: 500 });
      });

      test("with one command that is wrong are 422 as a whole, and say which", async () => {
        const a = await api.account();
        const hold = await api.hold(await api.funded(1), 1);
        const right = move("@world", a, 1);
        const wrongs: [unknown, string][] = [
          [move(a, a, 1), "#/commands/1/body/postings/0"],
          [move("@world", a, 0), "#/commands/1/body/postings/0/amount"],
          [{ ...right, more: 1 }, "#/commands/1/more"],
          [{ ...right, id: "x" }, "#/commands/1/id"],
          [{ ...right, key: "a b" }, "#/commands/1/key"],
          [{ ...right, key: "" }, "#/commands/1/key"],
          [{ op: "transaction" }, "#/commands/1/body"],
          [{ op: "transfer", body: {} }, "#/commands/1/op"],
          [{ op: "capture", body: {} }, "#/commands/1/id"],
          [{ op: "release", id: "..", body: {} }, "#/commands/1/id"],
          [{ op: "release", id: "h", body: { amount: 1 } }, "#/commands/1/body/amount"],
          [
            { op: "capture", id: hold.id, body: { postings: [{ from: a, to: "@world", amount: 1 }] } },
            "#/commands/1/body/postings/0/from",
          ],
          [7, "#/commands/1"],
        ];
        for (const [wrong, pointer] of wrongs) {
          const reply = await send(atomic, [right, wrong, right]);
          const { index, errors } = await problem(reply, 422, "invalid-fields");
          expect(index).toBe(1);
          expect(errors).toContainEqual({ pointer, detail: expect.any(String) });
        }
        expect(await api.readAccount(a)).toMatchObject({ seq: 0 });
      });
    });
  }

  describe("a batch that is not atomic", () => {
    test("answers each command by itself", async () => {
      const a = await api.funded(10);
      const [overspending, reused] = [key(), key()];
      await api.transact(a, { valor: 1, tipo: "c", descricao: "x" }, { "idempotency-key": reused });
      const commands = [
        move(a, "@world", 4),
        { ...move(a, "@world", 8), key: overspending },
        { op: "capture", id: "nothing" },
        { ...move(a, "@world", 1), key: reused },
        move(a, "@world", 7),
        { op: "transaction", body: { ...move(a, "@world", 1).body, dry_run: true } },
      ];
      const done = await results(await send(false, commands));
      expect(done.map(({ status }) => status)).toEqual([201, 422, 404, 422, 201, 422]);
      expectProblem(done[1]?.body ?? {}, 422, "limit-exceeded");
      expect(done[1]?.body).toMatchObject({ account: a, index: 0 });
      expectProblem(done[2]?.body ?? {}, 404, "hold-not-found");
      expectProblem(done[3]?.body ?? {}, 422, "idempotency-key-reused");
      await api.move(["@world", a, 100]);
      const [, again] = await results(await send(false, commands));
      expect(again).toEqual({ status: 422, body: done[1]?.body ?? {}, replayed: true });
    });
  });

  describe("an atomic batch", () => {
    test("that is refused under a key is refused just so again, whatever it would be now", async () => {
      const [a, b] = [await api.funded(10), await api.account()];
      const [commands, headers] = [[move(a, b, 10), move(b, a, 20)], { "idempotency-key": key() }];
      const refused = await problem(await send(true, commands, headers), 422, "limit-exceeded");
      expect(refused).toMatchObject({ account: b, index: 1, posting: 0 });
      await json(await api.send("PATCH", `/v1/accounts/${a}`, { state: "frozen" }), 200);
      const frozen = await send(true, commands, headers);
      expect(frozen.headers.get("idempotency-replayed")).toBe("true");
      expect(await problem(frozen, 422, "limit-exceeded")).toEqual(refused);
      await json(await api.send("PATCH", `/v1/accounts/${a}`, { state: "open", credit_limit: 100 }), 200);
      await json(await api.send("PATCH", `/v1/accounts/${b}`, { credit_limit: 100 }), 200);
      const open = await send(true, commands, headers);
      expect(await problem(open, 422, "limit-exceeded")).toEqual(refused);
      expect(await api.readAccount(a)).toMatchObject({ balance: 10, seq: 1 });
      // A dry run among them is refused for good, too.
      const dry = { op: "transaction", body: { postings: [{ from: b, to: a, amount: 500 }], dry_run: true } };
      const [withDry, other] = [[move(a, b, 1), dry], { "idempotency-key": key() }];
      await problem(await send(true, withDry, other), 422, "limit-exceeded");
      await api.move(["@world", b, 1000]);
      const again = await send(true, withDry, other);
      expect(await problem(again, 422, "limit-exceeded")).toMatchObject({ account: b, index: 1 });
      expect(await api.readAccount(a)).toMatchObject({ balance: 10, seq: 1 });
    });

    test("that is refused changes nothing: the first refusal is the answer", async () => {
      const [a, b] = [await api.funded(10), await api.account()];
      const id = `new-${key()}`;
      const before = await Promise.all([a, b].map((one) => api.readAccount(one)));
      const postings = [
        { from: a, to: b, amount: 1 },
        { from: b, to: id, amount: 12 },
      ];
      const commands = [
        { op: "account", body: { id, unit: "BRL/2" } },
        move(a, b, 9),
        { op: "hold", body: { from: b, amount: 5 } },
        { op: "transaction", body: { postings } },
        move("nobody", a, 1),
      ];
      const refused = await problem(await send(true, commands), 422, "limit-exceeded");
      expect(refused).toMatchObject({ account: b, index: 3, posting: 1 });
      expect(await Promise.all([a, b].map((one) => api.readAccount(one)))).toEqual(before);
      await problem(await api.get(`/v1/accounts/${id}`), 404, "account-not-found");
      // Nothing stands in the way of the rest of it.
      expect((await results(await send(true, commands.slice(0, 3)))).map(({ status }) => status)).toEqual([
        201, 201, 201,
      ]);
    });

    test("says which condition failed, and which account there is not", async () => {
      const a = await api.funded(10);
      const conditional = (account: string) => ({
        op: "transaction",
        body: {
          postings: [{ from: a, to: "@world", amount: 1 }],
          conditions: [
            { account: a, seq: { eq: 1 } },
            { account, balance: { eq: 11 } },
          ],
        },
      });
      const failed = await problem(await send(true, [conditional(a)]), 422, "condition-failed");
      expect(failed).toMatchObject({ account: a, index: 0, condition: 1 });
      const unknown = await problem(await send(true, [conditional("nobody")]), 404, "account-not-found");
      expect(unknown).toMatchObject({ account: "nobody", index: 0, condition: 1 });
      const missing = await problem(await send(true, [move("nobody", a, 1)]), 404, "account-not-found");
      expect(missing).toMatchObject({ account: "nobody", index: 0, posting: 0 });
    });

    test("moves money through accounts that it opens itself", async () => {
      const id = `{${key()}}`;
      const open = (name: string) => ({ op: "account", body: { id: `${id}:${name}`, unit: "TOKENS" } });
      const done = await results<AccountBody | HoldBody>(
        await send(true, [
          open("a"),
          open("b"),
          move("@world", `${id}:a`, 5),
          move(`${id}:a`, `${id}:b`, 5),
          { op: "hold", body: { from: `${id}:b`, amount: 5 } },
        ]),
      );
      expect(done.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
      expect(await api.readAccount(`${id}:b`)).toMatchObject({ balance: 5, held: 5, available: 0 });
    });
  });

  test("a batch says whether it is atomic", async () => {
    const a = await api.account();
    for (const atomic of [undefined, null, "true", 1]) {
      const reply = await api.post("/v1/batches", { atomic, commands: [move("@world", a, 1)] });
      expect(await wrongFields(reply)).toEqual(["#/atomic"]);
    }
    expect(await wrongFields(await api.post("/v1/batches", []))).toEqual(["#"]);
    expect(await api.readAccount(a)).toMatchObject({ seq: 0 });
  });
}
