import { describe, expect, test } from "bun:test";
import { type Client, expectProblem, json, problem } from "./support/client.ts";

interface Result {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly replayed?: boolean;
}

/** The key of a batch stands for the batch as a whole. */
export function batchKeysSection(api: Client): void {
  const key = () => crypto.randomUUID();
  const send = (atomic: boolean, commands: readonly unknown[], own: string) =>
    api.post("/v1/batches", { atomic, commands }, { "idempotency-key": own });
  const results = async (reply: Response) => (await json<{ results: Result[] }>(reply, 200)).results;
  const body = (to: string, amount: number) => ({ postings: [{ from: "@world", to, amount }] });
  const credit = (to: string, amount: number) => ({ op: "transaction", body: body(to, amount) });
  const reused = async (reply: Response) => {
    expect(reply.headers.get("idempotency-replayed")).toBeNull();
    return problem(reply, 422, "idempotency-key-reused");
  };

  for (const atomic of [false, true]) {
    describe(atomic ? "the key of an atomic batch" : "the key of a batch", () => {
      test("does not stand for another batch, and nothing of that one is done", async () => {
        const [a, own, single] = [await api.account(), key(), key()];
        const commands = [credit(a, 1), credit(a, 2), { ...credit(a, 4), key: single }];
        const first = await results(await send(atomic, commands, own));
        for (const changed of [
          [...commands, credit(a, 8)],
          commands.slice(0, 2),
          commands.slice(0, 1),
          [commands[1], commands[0], commands[2]],
          [credit(a, 8), ...commands.slice(1)],
          [commands[0], credit(a, 8), commands[2]],
          [commands[0], commands[1], { ...credit(a, 4), key: key() }],
          [commands[0], { ...credit(a, 2), key: key() }, commands[2]],
        ])
          await reused(await send(atomic, changed, own));
        await reused(await send(!atomic, commands, own));
        expect(await api.readAccount(a)).toMatchObject({ balance: 7, seq: 3 });
        const again = await results(await send(atomic, commands, own));
        expect(again).toEqual(first.map((result) => ({ ...result, replayed: true })));
      });

      test("is the same where only the form of the body differs", async () => {
        const [a, own] = [await api.account(), key()];
        await results(await send(atomic, [credit(a, 1), credit(a, 2)], own));
        const text = `{ "commands": [{"body": {"postings": [{"amount": 1.0, "to": "${a}", "from": "@world"}],
          "reference": null}, "op": "transaction"}, ${JSON.stringify(credit(a, 2))}], "atomic": ${atomic} }`;
        const again = await api.post("/v1/batches", text, { "idempotency-key": own });
        expect(again.headers.get("idempotency-replayed")).toBe("true");
        expect(await results(again)).toMatchObject([{ replayed: true }, { replayed: true }]);
        expect(await api.readAccount(a)).toMatchObject({ seq: 2 });
      });

      test("is one with those of requests and of commands", async () => {
        const [a, ofRequest, ofCommand, ofBatch] = [await api.account(), key(), key(), key()];
        await json(await api.post("/v1/transactions", body(a, 1), { "idempotency-key": ofRequest }), 201);
        await results(await send(atomic, [{ ...credit(a, 2), key: ofCommand }], key()));
        // The same content, but by itself.
        await reused(await send(atomic, [credit(a, 1)], ofRequest));
        await reused(await send(atomic, [credit(a, 2), credit(a, 3)], ofCommand));
        await results(await send(atomic, [credit(a, 4), credit(a, 8)], ofBatch));
        for (const amount of [4, 8])
          await reused(await api.post("/v1/transactions", body(a, amount), { "idempotency-key": ofBatch }));
        await reused(await api.post("/v1/accounts", { unit: "BRL/2" }, { "idempotency-key": ofBatch }));
        await reused(
          await api.transact(a, { valor: 4, tipo: "c", descricao: "x" }, { "idempotency-key": ofBatch }),
        );
        expect(await api.readAccount(a)).toMatchObject({ balance: 15, seq: 4 });
      });

      test("is not that of a command in it", async () => {
        const [a, own] = [await api.account(), key()];
        const reply = await send(atomic, [credit(a, 1), { ...credit(a, 2), key: own }], own);
        if (atomic) expect(await reused(reply)).toMatchObject({ index: 1 });
        else {
          const [done, refused] = await results(reply);
          expect(done).toMatchObject({ status: 201 });
          expectProblem(refused?.body ?? {}, 422, "idempotency-key-reused");
        }
        expect(await api.readAccount(a)).toMatchObject({ balance: atomic ? 0 : 1 });
      });

      test("says again what was refused, also where it would be done by then", async () => {
        const [a, own] = [await api.account(), key()];
        const debit = { op: "transaction", body: { postings: [{ from: a, to: "@world", amount: 5 }] } };
        const commands = atomic ? [credit(a, 1), debit] : [debit, credit(a, 1)];
        const first = await send(atomic, commands, own);
        const text = await first.text();
        await api.move(["@world", a, 100]);
        const again = await send(atomic, commands, own);
        expect(again.status).toBe(first.status);
        expect(again.headers.get("idempotency-replayed")).toBe("true");
        expect((await again.text()).replaceAll(',"replayed":true', "")).toBe(text);
        await reused(await send(atomic, [...commands, credit(a, 1)], own));
        expect(await api.readAccount(a)).toMatchObject({ balance: atomic ? 100 : 101 });
      });
    });
  }

  test("what a key is remembered for stays, whatever else a batch under that key is refused for", async () => {
    const [a, own, ownPart] = [await api.account(), key(), key()];
    const first = await json(await api.post("/v1/transactions", body(a, 1), { "idempotency-key": own }), 201);
    // It would be refused, and stands before the command that bears the batch's key.
    const debit = {
      op: "transaction",
      key: ownPart,
      body: { postings: [{ from: a, to: "@world", amount: 5 }] },
    };
    expect(await reused(await send(true, [debit, credit(a, 2)], own))).toMatchObject({ index: 1 });
    const again = await api.post("/v1/transactions", body(a, 1), { "idempotency-key": own });
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(await json(again, 201)).toEqual(first);
    // Nor was the part looked at.
    await api.move(["@world", a, 10]);
    await json(await api.post("/v1/transactions", debit.body, { "idempotency-key": ownPart }), 201);

    // A dry run is decided each time.
    const [dryKey, dry] = [key(), { op: "transaction", body: { ...debit.body, dry_run: true } }];
    const [done] = await results(await send(true, [credit(a, 1), dry], dryKey));
    await api.move([a, "@world", 7]);
    await problem(await send(true, [credit(a, 1), dry], dryKey), 422, "limit-exceeded");
    await api.move(["@world", a, 7]);
    const [redone] = await results(await send(true, [credit(a, 1), dry], dryKey));
    expect(redone).toMatchObject({ ...done, replayed: true });
    expect(await api.readAccount(a)).toMatchObject({ balance: 7 });
  });

  test("two other batches at once under one key: one of them is done", async () => {
    const [a, own] = [await api.account(), key()];
    const [small, large] = [
      Array.from({ length: 10 }, () => credit(a, 1)),
      Array.from({ length: 30 }, () => credit(a, 100)),
    ];
    const replies = await Promise.all([
      send(false, small, own),
      send(false, large, own),
      send(false, small, own),
      send(false, large, own),
    ]);
    const statuses = replies.map(({ status }) => status);
    expect(statuses.toSorted((one, other) => one - other)).toEqual([200, 200, 422, 422]);
    expect(await api.readAccount(a)).toMatchObject({ balance: statuses[0] === 200 ? 10 : 3000 });
  });

  test("commands with keys of their own are theirs, wherever they stand beside a batch's key that was used", async () => {
    const [a, own] = [await api.account(), key()];
    await json(await api.post("/v1/transactions", body(a, 1), { "idempotency-key": own }), 201);
    const commands = [{ ...credit(a, 2), key: key() }, credit(a, 4), { ...credit(a, 8), key: key() }];
    const done = await results(await send(false, commands, own));
    expect(done.map(({ status }) => status)).toEqual([201, 422, 422]);
    for (const { body: refused } of done.slice(1)) expectProblem(refused, 422, "idempotency-key-reused");
    const dry = { op: "transaction", body: { ...body(a, 2), dry_run: true } };
    await reused(await send(false, [dry, ...commands.slice(1)], own));
    expect(await api.readAccount(a)).toMatchObject({ balance: 3, seq: 2 });
  });
}
