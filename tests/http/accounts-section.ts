import { describe, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import {
  A_TIME,
  type AccountBody,
  accountPath,
  type Client,
  json,
  type ListBody,
  nextOf,
  problem,
  wrongFields,
} from "./support/client.ts";

const MAX = Number.MAX_SAFE_INTEGER;
/** Nothing in it has to be escaped in a path, and nobody takes it for a number. */
const NEW_ID = /^(?=.*[a-z])[A-Za-z0-9-]{1,64}$/;

export function accountsSection(api: Client): void {
  describe("accounts", () => {
    test("are opened with 201, a Location and the account, which GET shows too", async () => {
      const body = { unit: "CREDITS/6", credit_limit: 5, name: "Padaria Joia 😀", metadata: { plan: "pro" } };
      const reply = await api.post("/v1/accounts", body);
      const location = reply.headers.get("location");
      const opened = await json<AccountBody>(reply, 201);
      expect(opened).toEqual({
        ...body,
        id: expect.stringMatching(NEW_ID),
        state: "open",
        balance: 0,
        held: 0,
        available: 5,
        seq: 0,
        opened_at: A_TIME,
      });
      expect(Object.keys(opened).join()).toBe(
        "id,unit,name,metadata,state,credit_limit,balance,held,available,seq,opened_at",
      );
      expect(location).toBe(`/v1/accounts/${opened.id}`);
      expect(await json<AccountBody>(await api.get(String(location)), 200)).toEqual(opened);
    });

    test("need a unit only; what is left out or null is nothing", async () => {
      for (const more of [{}, { id: null, credit_limit: null, name: null, metadata: null }]) {
        const opened = await json(await api.post("/v1/accounts", { unit: "TOKENS", ...more }), 201);
        expect(opened).toMatchObject({ unit: "TOKENS", credit_limit: 0, name: null, metadata: {} });
      }
      const removed = { unit: "USD/2", metadata: { a: null, b: "" } };
      expect(await json(await api.post("/v1/accounts", removed), 201)).toMatchObject({ metadata: { b: "" } });
    });

    test("take an id of the client's choice, which is escaped in Location where an address needs it", async () => {
      const id = `{u:${crypto.randomUUID()}}.wallet_A-1`;
      const reply = await api.post("/v1/accounts", { id, unit: "BRL/2" });
      expect(reply.headers.get("location")).toBe(
        `/v1/accounts/${id.replace("{", "%7B").replace("}", "%7D")}`,
      );
      expect((await json<AccountBody>(reply, 201)).id).toBe(id);
      expect((await api.readAccount(id)).id).toBe(id);
    });

    test("opened again just so are as they stand, with 200; with another content it is 409", async () => {
      const body = {
        id: `again-${crypto.randomUUID()}`,
        unit: "BRL/2",
        name: "n",
        metadata: { a: "1", b: "2" },
      };
      await json(await api.post("/v1/accounts", body), 201);
      await api.move(["@world", body.id, 7]);
      const other = { ...body, metadata: { b: "2", a: "1" } };
      const again = await api.post("/v1/accounts", other);
      expect(again.headers.get("location")).toBeNull();
      expect(await json(again, 200)).toMatchObject({ id: body.id, balance: 7, seq: 1 });
      for (const more of [{ unit: "USD/2" }, { credit_limit: 1 }, { name: null }, { metadata: {} }]) {
        const refused = await problem(
          await api.post("/v1/accounts", { ...body, ...more }),
          409,
          "account-exists",
        );
        expect(refused["account"]).toBe(body.id);
      }
      expect(await api.readAccount(body.id)).toMatchObject({ balance: 7, name: "n" });
    });

    test("have an id each, also if opened at once", async () => {
      const ids = await Promise.all(Array.from({ length: 20 }, () => api.account()));
      expect(new Set(ids).size).toBe(20);
      for (const id of ids) expect(id).toMatch(NEW_ID);
    });

    test("show what may still go out, up to 2^53 - 1", async () => {
      const id = await api.account(MAX);
      expect(await api.readAccount(id)).toMatchObject({ available: MAX });
      await api.move(["@world", id, MAX]);
      expect(await api.readAccount(id)).toMatchObject({ balance: MAX, available: MAX });
      await api.hold(id, 5);
      expect(await api.readAccount(id)).toMatchObject({ held: 5, available: MAX });
      await api.move([id, "@world", MAX], [id, "@world", MAX - 10]);
      expect(await api.readAccount(id)).toMatchObject({ balance: -MAX + 10, available: 5 });
    });

    test("are changed by PATCH: what is left out stays, and null takes name and metadata away", async () => {
      const id = await api.account(1, { name: "n", metadata: { a: "1", b: "2" } });
      const patch = async (body: object) =>
        json<AccountBody>(await api.send("PATCH", accountPath(id), body), 200);
      expect(await patch({ credit_limit: 9 })).toMatchObject({ credit_limit: 9, available: 9, name: "n" });
      expect(await patch({ metadata: { a: null, c: "3" } })).toMatchObject({ metadata: { b: "2", c: "3" } });
      expect(await patch({ name: null })).toMatchObject({ name: null, metadata: { b: "2", c: "3" } });
      const both = await patch({ name: "m", state: "frozen" });
      expect(both).toMatchObject({ name: "m", state: "frozen", credit_limit: 9 });
      expect(await patch({})).toEqual(both);
      expect(await api.readAccount(id)).toEqual(both);
    });

    test("keep their metadata within its bounds, also where it is merged", async () => {
      const full = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`name${index}`, "x"]));
      const id = await api.account(0, { metadata: full });
      const patch = (metadata: object) => api.send("PATCH", accountPath(id), { metadata });
      expect(await wrongFields(await patch({ another: "x" }))).toEqual(["#/metadata"]);
      await json(await patch({ another: "x", name0: null }), 200);
      await json(await patch({ another: "y" }), 200);
      // 1,015 bytes by themselves.
      const wide = Object.fromEntries(
        Array.from({ length: 5 }, (_, index) => [`name${index + 1}`, "é".repeat(99)]),
      );
      expect(await wrongFields(await patch(wide))).toEqual(["#/metadata"]);
    });

    test("keep a limit that is used", async () => {
      const id = await api.account(1000);
      await api.move([id, "@world", 500]);
      await api.hold(id, 100);
      const path = accountPath(id);
      await json(await api.send("PATCH", path, { credit_limit: 600 }), 200);
      const refused = await problem(
        await api.send("PATCH", path, { credit_limit: 599 }),
        422,
        "limit-too-low",
      );
      expect(refused["account"]).toBe(id);
      expect(await api.readAccount(id)).toMatchObject({ credit_limit: 600, available: 0 });
    });

    test("that are frozen let nothing out; that are closed are so for good", async () => {
      const id = await api.funded(10);
      const hold = await api.hold(id, 4);
      const patch = (body: object) => api.send("PATCH", accountPath(id), body);
      await json(await patch({ state: "frozen" }), 200);
      const out = { postings: [{ from: id, to: "@world", amount: 1 }] };
      expect(await problem(await api.post("/v1/transactions", out), 422, "account-frozen")).toMatchObject({
        account: id,
        index: 0,
      });
      await problem(await api.post("/v1/holds", { from: id, amount: 1 }), 422, "account-frozen");
      await api.move(["@world", id, 1]);
      await json(await api.post(`/v1/holds/${hold.id}/capture`), 200);
      await problem(await patch({ state: "closed" }), 422, "account-not-empty");
      await json(await patch({ state: "open" }), 200);
      await api.move([id, "@world", 7]);
      expect(await json(await patch({ state: "closed" }), 200)).toMatchObject({
        state: "closed",
        balance: 0,
      });
      for (const body of [{ state: "open" }, { name: "x" }, { credit_limit: 1 }]) {
        await problem(await patch(body), 422, "account-closed");
      }
      const into = { postings: [{ from: "@world", to: id, amount: 1 }] };
      await problem(await api.post("/v1/transactions", into), 422, "account-closed");
    });

    test("that nobody opened are 404", async () => {
      await problem(await api.get("/v1/accounts/nobody"), 404, "account-not-found");
      const refused = await api.send("PATCH", "/v1/accounts/nobody", { name: "x" });
      expect(await problem(refused, 404, "account-not-found")).toMatchObject({ account: "nobody" });
      await problem(
        await api.send("PATCH", "/v1/accounts/nobody", { metadata: { a: "b" } }),
        404,
        "account-not-found",
      );
    });

    test("are listed by id, page by page, and found by what they have", async () => {
      const mark = crypto.randomUUID();
      const open = (id: string, more: object) => api.account(0, { id: `${mark}:${id}`, ...more });
      const [a, b, c] = [
        await open("a", { name: "Maria", metadata: { plan: "pro", mark }, unit: "CREDITS/6" }),
        await open("b", { name: "Mario", metadata: { plan: "free", mark } }),
        await open("c", { metadata: { plan: "pro", mark } }),
      ];
      await api.move(["@world", b, 100]);
      await api.move(["@world", c, 200]);
      await json(await api.send("PATCH", accountPath(c), { state: "frozen" }), 200);
      const found = async (query: string) => {
        const reply = await api.get(`/v1/accounts?metadata.mark=${mark}${query}`);
        return (await json<ListBody<AccountBody>>(reply, 200)).data.map(({ id }) => id);
      };
      await eventually("the lists show it", async () => (await found("&state=frozen")).length === 1);
      expect(await found("&state=frozen")).toEqual([c]);
      expect(await found("")).toEqual([a, b, c]);
      expect(await found("&metadata.plan=pro")).toEqual([a, c]);
      expect(await found("&unit=CREDITS/6")).toEqual([a]);
      expect(await found("&name=Mari")).toEqual([a, b]);
      expect(await found("&name=Maria")).toEqual([a]);
      expect(await found("&name=%25")).toEqual([]);
      expect(await found("&balance_gt=0")).toEqual([b, c]);
      expect(await found("&balance_lt=200&balance_gt=-1e2")).toEqual([a, b]);
      expect(await found("&order=id")).toEqual([a, b, c]);
      expect(await found("&order=name")).toEqual([a, b, c]);
      expect(await found("&order=balance")).toEqual([a, b, c]);
      expect(await found("&order=-balance")).toEqual([c, b, a]);

      const prefixes = [a, `${mark}:`, `${a}x`, "."];
      const counts = await Promise.all(
        prefixes.map(async (prefix) => (await found(`&prefix=${encodeURIComponent(prefix)}`)).length),
      );
      expect(counts).toEqual([1, 3, 0, 0]);

      const pagesOf = async (query: string): Promise<string[][]> => {
        const pages: string[][] = [];
        let next: string | null = `/v1/accounts?metadata.mark=${mark}&limit=2${query}`;
        while (next !== null) {
          const reply: Response = await api.get(next);
          next = nextOf(reply);
          const body: ListBody<AccountBody> = await json(reply, 200);
          expect(body.next === null).toBe(next === null);
          pages.push(body.data.map(({ id }) => id));
        }
        return pages;
      };
      expect(await pagesOf("")).toEqual([[a, b], [c]]);
      expect(await pagesOf("&order=name")).toEqual([[a, b], [c]]);
      expect(await pagesOf("&order=-balance")).toEqual([[c, b], [a]]);
    });

    test.each([
      ["limit=0", "limit"],
      ["limit=101", "limit"],
      ["limit=1.5", "limit"],
      ["limit=", "limit"],
      ["limit=1&limit=1", "limit"],
      ["cursor=", "cursor"],
      ["cursor=abc", "cursor"],
      ["prefix=", "prefix"],
      ["prefix=a%20b", "prefix"],
      ["prefix=%40world", "prefix"],
      [`prefix=${"a".repeat(65)}`, "prefix"],
      ["prefix=a&prefix=a", "prefix"],
      ["unit=brl", "unit"],
      ["state=gone", "state"],
      ["name=", "name"],
      ["balance_lt=x", "balance_lt"],
      ["order=unit", "order"],
      ["balance_gt=9007199254740992", "balance_gt"],
      ["metadata=x", "metadata"],
      ["metadata.=x", "metadata"],
      ["unknown=1", "unknown"],
      ["Limit=1", "Limit"],
    ])("a list with %s is 422", async (query, parameter) => {
      expect(await wrongFields(await api.get(`/v1/accounts?${query}`))).toEqual([parameter]);
    });
  });

  test("an open server has no key to tell of", async () => {
    expect(await wrongFields(await api.get("/v1/key?name=x"))).toEqual(["name"]);
    expect(await json(await api.get("/v1/key"), 200)).toEqual({
      name: null,
      scopes: ["admin"],
      accounts: "*",
      expires_at: null,
      rate: null,
    });
  });

  describe("health", () => {
    test("/livez and /readyz answer 200", async () => {
      expect(await json(await api.get("/livez"), 200)).toEqual({ status: "alive" });
      expect(await json(await api.get("/readyz"), 200)).toEqual({ status: "ready" });
    });
  });
}
