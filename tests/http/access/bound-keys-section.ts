import { beforeAll, describe, expect, test } from "bun:test";
import { SCOPES } from "../../../src/access/scope.ts";
import type { Keyed } from "./access-suite.ts";
import {
  type AccountBody,
  credit,
  type EntryBody,
  type HoldBody,
  json,
  type ListBody,
  nextOf,
  problem,
} from "../support/client.ts";

const ALL = SCOPES.filter((scope) => scope !== "admin");

/** What a key sees and touches that is bound to accounts with one beginning: nothing else, and no trace of it. */
export function boundKeysSection({ keys, admin, with: withKey }: Keyed): void {
  describe("a key that is bound to a beginning", () => {
    const acme = withKey(keys.add("acme", ALL, { accounts: "acme:" }));
    /** One of somebody else, and one that there is not. */
    const [OTHER, NOBODY] = ["other:a", "nobody:"];
    let hold: HoldBody;
    let otherHold: HoldBody;
    let mixedHold: HoldBody;
    let own: string;
    let other: string;
    let mixed: string;
    let before: AccountBody;

    beforeAll(async () => {
      for (const id of ["acme:a", "acme:b", OTHER]) {
        await admin.account(1000, { id });
        await admin.move(["@world", id, 500]);
      }
      hold = await admin.hold("acme:a", 5, { to: "acme:b" });
      otherHold = await admin.hold(OTHER, 5);
      mixedHold = await admin.hold("acme:a", 5, { to: OTHER });
      own = (await admin.move(["acme:a", "acme:b", 1])).id;
      other = (await admin.move([OTHER, "@world", 1])).id;
      mixed = (await admin.move(["acme:a", OTHER, 1])).id;
      before = await admin.readAccount(OTHER);
    });

    /** Everything that an answer tells, with the id that was asked for taken out. */
    async function told(reply: Response, id: string): Promise<object> {
      const each = new Set(["date", "content-length", "request-id"]);
      const headers = [...reply.headers].filter(([name]) => !each.has(name));
      return { status: reply.status, headers, body: (await reply.text()).replaceAll(id, "<id>") };
    }

    const posting = (from: string, to: string) => ({ from, to, amount: 1 });
    const withAccount: readonly [string, (id: string) => Promise<Response>, number][] = [
      ["GET account", (id) => acme.get(`/v1/accounts/${id}`), 404],
      ["GET entries", (id) => acme.get(`/v1/accounts/${id}/entries`), 404],
      ["GET balance", (id) => acme.get(`/v1/accounts/${id}/balance`), 404],
      ["GET balance then", (id) => acme.get(`/v1/accounts/${id}/balance?at=2024-01-01T00:00:00Z`), 404],
      ["GET statement", (id) => acme.get(`/clientes/${id}/extrato`), 404],
      ["credit", (id) => acme.transact(id, credit(1)), 404],
      ["credit of a wrong form", (id) => acme.transact(id, {}), 404],
      ["PATCH", (id) => acme.send("PATCH", `/v1/accounts/${id}`, { name: "x" }), 404],
      ["closing", (id) => acme.send("PATCH", `/v1/accounts/${id}`, { state: "closed" }), 404],
      ["opening", (id) => acme.post("/v1/accounts", { id, unit: "BRL/2", credit_limit: 1000 }), 403],
      ["posting from", (id) => acme.post("/v1/transactions", { postings: [posting(id, "acme:a")] }), 404],
      ["posting to", (id) => acme.post("/v1/transactions", { postings: [posting("acme:a", id)] }), 404],
      [
        "dry run",
        (id) => acme.post("/v1/transactions", { postings: [posting("acme:a", id)], dry_run: true }),
        404,
      ],
      [
        "condition",
        (id) =>
          acme.post("/v1/transactions", {
            postings: [posting("acme:a", "acme:b")],
            conditions: [{ account: id, balance: { gte: 0 } }],
          }),
        404,
      ],
      ["hold of", (id) => acme.post("/v1/holds", { from: id, amount: 1 }), 404],
      ["hold for", (id) => acme.post("/v1/holds", { from: "acme:a", amount: 1, to: id }), 404],
      ["capture to", (id) => acme.post(`/v1/holds/${hold.id}/capture`, { to: id }), 404],
      [
        "capture of parts",
        (id) => acme.post(`/v1/holds/${hold.id}/capture`, { postings: [{ to: id, amount: 1 }] }),
        404,
      ],
      ["list of transactions", (id) => acme.get(`/v1/transactions?account=${id}`), 200],
      ["list of holds", (id) => acme.get(`/v1/holds?account=${id}`), 200],
      ...[true, false].map((atomic): [string, (id: string) => Promise<Response>, number] => [
        `batch (atomic: ${atomic})`,
        (id) =>
          acme.post("/v1/batches", {
            atomic,
            commands: [
              { op: "hold", body: { from: "acme:a", amount: 1 } },
              { op: "transaction", body: { postings: [posting("acme:a", "acme:b"), posting(id, "acme:a")] } },
            ],
          }),
        404,
      ]),
    ];
    for (const [name, send, status] of withAccount)
      test(`is told the same of an account of others as of none: ${name}`, async () => {
        const answer = await told(await send(OTHER), OTHER);
        expect(answer).toEqual(await told(await send(NOBODY), NOBODY));
        expect(answer).toMatchObject({ status });
        // Nor does a prefix that only looks alike, or the case of a letter.
        for (const id of ["acme", "ACME:a", "acmf:a", "{acme:}a"])
          expect((await told(await send(id), id)) satisfies object).toMatchObject({ status });
      });

    const withHold: readonly [string, (id: string) => Promise<Response>][] = [
      ["GET", (id) => acme.get(`/v1/holds/${id}`)],
      ["capture", (id) => acme.post(`/v1/holds/${id}/capture`)],
      ["capture of nothing", (id) => acme.post(`/v1/holds/${id}/capture`, { amount: 0 })],
      ["capture to one's own", (id) => acme.post(`/v1/holds/${id}/capture`, { to: "acme:b" })],
      ["capture to the payer", (id) => acme.post(`/v1/holds/${id}/capture`, { to: OTHER })],
      [
        "capture from another",
        (id) =>
          acme.post(`/v1/holds/${id}/capture`, { postings: [{ from: "acme:b", to: "acme:a", amount: 1 }] }),
      ],
      ["release", (id) => acme.post(`/v1/holds/${id}/release`)],
      [
        "batch",
        (id) =>
          acme.post("/v1/batches", {
            atomic: false,
            commands: [
              { op: "release", id },
              { op: "capture", id },
            ],
          }),
      ],
    ];
    for (const [name, send] of withHold)
      test(`is told the same of a hold of others as of none: ${name}`, async () => {
        const unknown = await told(await send("h0-0-0-0"), "h0-0-0-0");
        expect(unknown).toMatchObject({ status: 404 });
        for (const { id } of [otherHold, mixedHold]) expect(await told(await send(id), id)).toEqual(unknown);
      });

    const withTransaction: readonly [string, (id: string) => Promise<Response>][] = [
      ["GET", (id) => acme.get(`/v1/transactions/${id}`)],
      ["reversal", (id) => acme.post(`/v1/transactions/${id}/reversal`)],
      ["batch", (id) => acme.post("/v1/batches", { atomic: true, commands: [{ op: "reversal", id }] })],
    ];
    for (const [name, send] of withTransaction)
      test(`is told the same of a transaction of others as of none: ${name}`, async () => {
        const unknown = await told(await send("t0-0-0-0"), "t0-0-0-0");
        expect(unknown).toMatchObject({ status: 404 });
        for (const id of [other, mixed]) expect(await told(await send(id), id)).toEqual(unknown);
      });

    test("has changed nothing of others by all that", async () => {
      expect(await admin.readAccount(OTHER)).toEqual(before);
      expect(await json(await admin.get(`/v1/holds/${otherHold.id}`), 200)).toMatchObject({ state: "open" });
      expect(await json(await admin.get(`/v1/holds/${mixedHold.id}`), 200)).toMatchObject({ state: "open" });
    });

    test("sees what is its own in lists, page by page, and no more", async () => {
      for (const [path, ids] of [
        ["/v1/accounts?limit=1", ["acme:a", "acme:b"]],
        ["/v1/transactions?limit=1", [own]],
        ["/v1/transactions?account=acme:a&limit=1", [own]],
        ["/v1/holds?limit=1", [hold.id]],
        ["/v1/holds?account=acme:a", [hold.id]],
      ] as const) {
        const found: string[] = [];
        for (let next: string | null = path; next !== null;) {
          const reply: Response = await acme.get(next);
          next = nextOf(reply);
          const { data } = await json<ListBody<{ id: string; postings?: readonly { from: string }[] }>>(
            reply,
            200,
          );
          found.push(...data.filter(({ postings }) => postings?.[0]?.from !== "@world").map(({ id }) => id));
          expect(JSON.stringify(data)).not.toContain(OTHER);
        }
        expect(found).toEqual([...ids]);
      }
    });

    test("cannot go on where another key's list was, and sees nothing of others where it makes up a place", async () => {
      const { next } = await json<ListBody<unknown>>(await admin.get("/v1/accounts?limit=1"), 200);
      await problem(await acme.get(`/v1/accounts?limit=1&cursor=${next}`), 422, "invalid-fields");
      const acmf = withKey(keys.add("acm", ALL, { accounts: "acm" }));
      const like = await json<ListBody<unknown>>(await acmf.get("/v1/accounts?limit=1"), 200);
      await problem(await acme.get(`/v1/accounts?limit=1&cursor=${like.next}`), 422, "invalid-fields");
    });

    test("sees entries of its accounts, without whom of others they are with", async () => {
      const reply = await acme.get("/v1/accounts/acme:a/entries?order=asc");
      const { data } = await json<ListBody<EntryBody>>(reply, 200);
      expect(data.map(({ counterparty }) => counterparty as string | null)).toEqual([
        "@world",
        "acme:b",
        null,
      ]);
      const csv = await acme.get("/v1/accounts/acme:a/entries", { headers: { accept: "text/csv" } });
      expect(await csv.text()).not.toContain(OTHER);
      const all = await json<ListBody<EntryBody>>(await admin.get("/v1/accounts/acme:a/entries"), 200);
      expect(all.data[0]?.counterparty).toBe(OTHER);
    });

    test("opens accounts that begin so, and is told so of others", async () => {
      const reply = await acme.post("/v1/accounts", { id: "acme:new", unit: "BRL/2" });
      expect(reply.headers.get("location")).toBe("/v1/accounts/acme:new");
      await json(reply, 201);
      for (const id of [undefined, null, "acme", OTHER]) {
        const refused = await problem(
          await acme.post("/v1/accounts", { id, unit: "BRL/2" }),
          403,
          "scope-missing",
        );
        expect(refused["detail"]).toContain("acme:");
      }
      await json(await acme.send("PATCH", "/v1/accounts/acme:new", { name: "n" }), 200);
      await json(await acme.transact("acme:new", credit(5)), 200);
      await json(await acme.get("/clientes/acme:new/extrato"), 200);
      await json(await acme.get("/v1/accounts/acme:new/balance"), 200);
      const made = await acme.hold("acme:new", 2, { to: "acme:a" });
      await json(await acme.post(`/v1/holds/${made.id}/capture`), 200);
      const moved = await acme.move(["acme:new", "acme:a", 1]);
      await json(await acme.get(`/v1/transactions/${moved.id}`), 200);
      await json(await acme.post(`/v1/transactions/${moved.id}/reversal`), 201);
    });

    test("is told nothing of the whole ledger", async () => {
      await problem(await acme.get("/v1/ledger"), 403, "scope-missing");
    });

    test("is not told what became of another's request by its Idempotency-Key", async () => {
      const key = { "idempotency-key": crypto.randomUUID() };
      const body = { postings: [posting("acme:a", OTHER)] };
      await json(await admin.post("/v1/transactions", body, key), 201);
      await problem(await acme.post("/v1/transactions", body, key), 404, "account-not-found");
      // Of its own accounts, the same request is the same: an access key may be exchanged for another.
      const mine = { postings: [posting("acme:a", "acme:b")] };
      const reused = await problem(
        await acme.post("/v1/transactions", mine, key),
        422,
        "idempotency-key-reused",
      );
      expect(JSON.stringify(reused)).not.toContain(OTHER);
      const again = { "idempotency-key": crypto.randomUUID() };
      const first = await json(await admin.post("/v1/transactions", mine, again), 201);
      const replayed = await acme.post("/v1/transactions", mine, again);
      expect(replayed.headers.get("idempotency-replayed")).toBe("true");
      expect(await json(replayed, 201)).toEqual(first);
      // The same of a batch, and of what acts on a hold.
      const batch = {
        atomic: true,
        commands: [
          { op: "transaction", body: mine },
          { op: "transaction", body },
        ],
      };
      const whole = { "idempotency-key": crypto.randomUUID() };
      await json(await admin.post("/v1/batches", batch, whole), 200);
      expect(
        await problem(await acme.post("/v1/batches", batch, whole), 404, "account-not-found"),
      ).toMatchObject({
        index: 1,
        posting: 0,
        account: OTHER,
      });
      const released = { "idempotency-key": crypto.randomUUID() };
      await json(await admin.post(`/v1/holds/${mixedHold.id}/release`, {}, released), 200);
      await problem(
        await acme.post(`/v1/holds/${mixedHold.id}/release`, {}, released),
        404,
        "hold-not-found",
      );
    });
  });
}
