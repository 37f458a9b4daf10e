import { describe, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import {
  A_TIME,
  type Client,
  type HoldBody,
  json,
  type ListBody,
  nextOf,
  problem,
  type TransactionBody,
  wrongFields,
} from "./support/client.ts";

export function holdsSection(api: Client): void {
  const capture = (id: string, body?: unknown) => api.post(`/v1/holds/${id}/capture`, body);
  const release = (id: string, body?: unknown) => api.post(`/v1/holds/${id}/release`, body);

  describe("holds", () => {
    test("set an amount aside at once: 201, a Location, and the account", async () => {
      const a = await api.funded(100);
      const details = { description: "Prompt 17", reference: "order#17", metadata: { model: "x" } };
      const reply = await api.post("/v1/holds", { from: a, amount: 60, ...details });
      const location = reply.headers.get("location");
      const made = await json<HoldBody & Record<string, unknown>>(reply, 201);
      expect(made).toEqual({
        ...details,
        id: expect.stringMatching(/^[A-Za-z0-9._:{}-]{1,64}$/),
        state: "open",
        from: a,
        to: "@world",
        amount: 60,
        captured: 0,
        expires_at: A_TIME,
        created_at: A_TIME,
        transaction: null,
        account: expect.objectContaining({ id: a, balance: 100, held: 60, available: 40, seq: 1 }),
      });
      expect(made["account"]).not.toHaveProperty("name");
      expect(Date.parse(String(made["expires_at"])) - Date.parse(String(made["created_at"]))).toBe(600_000);
      expect(location).toBe(`/v1/holds/${made.id}`);
      const { account: _, ...rest } = made;
      expect(await json<object>(await api.get(String(location)), 200)).toEqual(rest);
      const refused = await problem(
        await api.post("/v1/holds", { from: a, amount: 41 }),
        422,
        "limit-exceeded",
      );
      expect(refused["account"]).toBe(a);
      const postings = [{ from: a, to: "@world", amount: 41 }];
      await problem(await api.post("/v1/transactions", { postings }), 422, "limit-exceeded");
    });

    test("are captured whole where nothing is said, by a transaction with the hold's own words", async () => {
      const [a, b] = [await api.funded(100), await api.account()];
      const details = { description: "Prompt 18", reference: "order#18", metadata: { model: "y" } };
      const hold = await api.hold(a, 60, { to: b, expires_in: 2_592_000, ...details });
      const reply = await capture(hold.id);
      expect(reply.headers.get("location")).toBeNull();
      const captured = await json<HoldBody>(reply, 200);
      expect(captured).toMatchObject({
        id: hold.id,
        state: "captured",
        captured: 60,
        account: { id: a, balance: 40, held: 0, available: 40, seq: 2 },
      });
      expect(await json(await api.get(`/v1/transactions/${captured.transaction}`), 200)).toMatchObject({
        ...details,
        postings: [{ from: a, to: b, amount: 60 }],
        hold: hold.id,
        reverses: null,
        reversed_by: null,
      });
      expect(await api.readAccount(b)).toMatchObject({ balance: 60 });
    });

    test("are captured in part, in more, or for nothing", async () => {
      const [a, b] = [await api.funded(100), await api.account()];
      const part = await api.hold(a, 60);
      expect(await json(await capture(part.id, { amount: 10, to: b }), 200)).toMatchObject({
        captured: 10,
        amount: 60,
        account: { balance: 90, held: 0 },
      });
      const more = await api.hold(a, 60);
      const refused = await problem(await capture(more.id, { amount: 91 }), 422, "limit-exceeded");
      expect(refused["account"]).toBe(a);
      expect(await json(await api.get(`/v1/holds/${more.id}`), 200)).toMatchObject({ state: "open" });
      expect(await api.readAccount(a)).toMatchObject({ balance: 90, held: 60 });
      expect(await json(await capture(more.id, { amount: 90 }), 200)).toMatchObject({ captured: 90 });
      await api.move(["@world", a, 5]);
      const nothing = await api.hold(a, 5);
      expect(await json(await capture(nothing.id, { amount: 0 }), 200)).toMatchObject({
        state: "captured",
        captured: 0,
        transaction: null,
        account: { balance: 5, held: 0, available: 5 },
      });
    });

    test("are split by postings, all from their account", async () => {
      const [a, b, c] = [await api.funded(100), await api.account(), await api.account()];
      const hold = await api.hold(a, 60);
      const wrong = [
        { from: b, to: c, amount: 1 },
        { to: a, amount: 1 },
      ];
      expect(await wrongFields(await capture(hold.id, { postings: wrong }))).toEqual([
        "#/postings/0/from",
        "#/postings/1/to",
      ]);
      expect(await wrongFields(await capture(hold.id, { to: a }))).toEqual(["#/to"]);
      const postings = [
        { from: a, to: b, amount: 30 },
        { to: c, amount: 5 },
        { to: "@world", amount: 1 },
      ];
      for (const both of [{ amount: 36 }, { to: b }]) {
        expect(await wrongFields(await capture(hold.id, { postings, ...both }))).toEqual(["#"]);
      }
      const captured = await json<HoldBody>(await capture(hold.id, { postings, amount: null }), 200);
      expect(captured).toMatchObject({ captured: 36, account: { balance: 64, held: 0, seq: 4 } });
      expect(
        await json<TransactionBody>(await api.get(`/v1/transactions/${captured.transaction}`), 200),
      ).toMatchObject({
        postings: postings.map((posting) => ({ ...posting, from: a })),
      });
    });

    test("end once: then a capture or a release is told how", async () => {
      const a = await api.funded(100);
      for (const end of [release, capture]) {
        const hold = await api.hold(a, 10);
        const state = end === release ? "released" : "captured";
        expect(await json(await end(hold.id, {}), 200)).toMatchObject({ state, account: { held: 0 } });
        for (const later of [release, capture]) {
          expect(await problem(await later(hold.id, ""), 422, "hold-not-open")).toMatchObject({ state });
        }
      }
      expect(await api.readAccount(a)).toMatchObject({ balance: 90, held: 0 });
    });

    test("expire: from then on their amount is free, and a capture is refused", async () => {
      const a = await api.funded(100);
      const take = () => api.post("/v1/transactions", { postings: [{ from: a, to: "@world", amount: 1 }] });
      // One of a second may be over before anything is asked: that an open one refuses, a long one shows.
      const long = await api.hold(a, 100);
      await problem(await take(), 422, "limit-exceeded");
      await json(await release(long.id), 200);
      const hold = await api.hold(a, 100, { expires_in: 1 });
      await eventually("its amount is free", async () => (await take()).status === 201);
      expect(await problem(await capture(hold.id), 422, "hold-not-open")).toMatchObject({ state: "expired" });
      expect(await json(await api.get(`/v1/holds/${hold.id}`), 200)).toMatchObject({ state: "expired" });
      expect(await api.readAccount(a)).toMatchObject({ balance: 99, held: 0 });
    });

    test("of a race end once", async () => {
      const a = await api.funded(100);
      for (let round = 0; round < 10; round += 1) {
        const hold = await api.hold(a, 5);
        const ends = [capture, release, capture, release].map((end) => end(hold.id));
        const statuses = (await Promise.all(ends)).map(({ status }) => status);
        expect(statuses.toSorted((one, other) => one - other)).toEqual([200, 422, 422, 422]);
        expect(await api.readAccount(a)).toMatchObject({ held: 0 });
      }
    });

    test.each(["nobody", "h0-1-0-5", "t0-1-0-5", "%", "a%20b", "x".repeat(65)])(
      "of the id %s are 404",
      async (id) => {
        await problem(await api.get(`/v1/holds/${id}`), 404, "hold-not-found");
        await problem(await capture(id), 404, "hold-not-found");
        await problem(await capture(id, { to: "x" }), 404, "hold-not-found");
        await problem(await release(id), 404, "hold-not-found");
      },
    );

    test("of an account that nobody opened are 404", async () => {
      const refused = await api.post("/v1/holds", { from: "nobody", amount: 1 });
      expect(await problem(refused, 404, "account-not-found")).toMatchObject({ account: "nobody" });
    });

    test("are listed newest first, and found by account and state", async () => {
      const a = await api.funded(100);
      const holds = [await api.hold(a, 1), await api.hold(a, 2), await api.hold(a, 3)];
      const [first, second, third] = holds.map(({ id }) => id);
      await json(await release(String(second)), 200);
      const found = async (query: string) => {
        const body = await json<ListBody<HoldBody>>(await api.get(`/v1/holds?account=${a}${query}`), 200);
        return body.data.map(({ id }) => id);
      };
      await eventually(
        "the list shows the release",
        async () => (await found("&state=released")).length === 1,
      );
      expect(await found("&state=released")).toEqual([String(second)]);
      expect(await found("")).toEqual([String(third), String(second), String(first)]);
      expect(await found("&state=open")).toEqual([String(third), String(first)]);
      const page = await api.get(`/v1/holds?account=${a}&limit=2`);
      const next = await api.get(String(nextOf(page)));
      expect(nextOf(next)).toBeNull();
      expect(await json<ListBody<HoldBody>>(next, 200)).toMatchObject({ data: [{ id: first }], next: null });
      expect(await wrongFields(await api.get("/v1/holds?state=gone&x=1"))).toEqual(["state", "x"]);
    });
  });
}
