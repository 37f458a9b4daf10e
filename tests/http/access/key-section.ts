import { beforeAll, describe, expect, test } from "bun:test";
import type { Keyed } from "./access-suite.ts";
import { json, type ListBody, nextOf, problem } from "../support/client.ts";

/** What a key is told of itself, and what it finds by the beginning of ids. */
export function keySection({ keys, admin, with: withKey }: Keyed): void {
  describe("GET /v1/key", () => {
    test("tells a key what it is for, and nothing of its text", async () => {
      const token = keys.add("teller", ["ledger:read", "accounts:read"]);
      const reply = await withKey(token).get("/v1/key");
      const body = await json(reply, 200);
      expect(body).toEqual({
        name: "teller",
        scopes: ["accounts:read", "ledger:read"],
        accounts: "*",
        expires_at: null,
        rate: null,
      });
      expect(JSON.stringify(body)).not.toContain(token);
      expect(await json(await admin.get("/v1/key"), 200)).toMatchObject({ name: "admin", scopes: ["admin"] });
    });

    test("tells its accounts and its end", async () => {
      const expiresAt = Date.UTC(2100, 0, 1) * 1000;
      const token = keys.add("narrow", ["events:read"], { accounts: "acme:", expiresAt });
      expect(await json(await withKey(token).get("/v1/key"), 200)).toEqual({
        name: "narrow",
        scopes: ["events:read"],
        accounts: "acme:*",
        expires_at: "2100-01-01T00:00:00.000000Z",
        rate: null,
      });
    });

    test("is for every key, also one without scopes, until it is revoked", async () => {
      const none = withKey(keys.add("none", []));
      expect(await json(await none.get("/v1/key"), 200)).toMatchObject({ name: "none", scopes: [] });
      const header = await none.send("HEAD", "/v1/key");
      expect([header.status, await header.text()]).toEqual([200, ""]);
      await problem(await none.get("/v1/key?name=other"), 422, "invalid-fields");
      await problem(await none.post("/v1/key", {}), 405, "method-not-allowed");
      const token = keys.add("short-lived", []);
      keys.revoke("short-lived");
      await problem(await withKey(token).get("/v1/key"), 401, "key-invalid");
      await problem(await withKey(null).get("/v1/key"), 401, "key-missing");
    });
  });

  describe("GET /v1/accounts?prefix= with a bound key", () => {
    const IDS = ["find:a:1", "find:a:2", "find:ab", "find:b:1", "fine"];
    const reader = withKey(keys.add("finder", ["accounts:read"], { accounts: "find:" }));
    beforeAll(async () => {
      for (const id of IDS) await admin.account(0, { id });
    });

    async function idsOf(client: typeof reader, query: string): Promise<string[]> {
      const found: string[] = [];
      for (let next: string | null = `/v1/accounts?${query}&limit=1`; next !== null;) {
        const reply: Response = await client.get(next);
        next = nextOf(reply);
        found.push(...(await json<ListBody<{ id: string }>>(reply, 200)).data.map(({ id }) => id));
      }
      return found;
    }

    test.each([
      ["find:a", ["find:a:1", "find:a:2", "find:ab"]],
      ["find:a:", ["find:a:1", "find:a:2"]],
      ["find:a:1", ["find:a:1"]],
      ["find:", ["find:a:1", "find:a:2", "find:ab", "find:b:1"]],
      // Shorter than its own: nothing beyond that, not even by another way of writing it.
      ["fin", ["find:a:1", "find:a:2", "find:ab", "find:b:1"]],
      ["f", ["find:a:1", "find:a:2", "find:ab", "find:b:1"]],
      ["fine", []],
      ["FIND:", []],
      ["gind:", []],
      ["find:c", []],
    ])("%s: its own that begin so", async (prefix, ids) => {
      expect(await idsOf(reader, `prefix=${prefix}`)).toEqual(ids);
    });

    test("of what is not its own it says the same as of what is not there", async () => {
      const told = async (prefix: string) => (await reader.get(`/v1/accounts?prefix=${prefix}`)).text();
      expect(await told("fine")).toBe(await told("nobody"));
    });

    test("a key for all finds all that begin so", async () => {
      expect(await idsOf(admin, "prefix=fin")).toEqual(IDS);
    });

    test("a cursor of another beginning leads nowhere", async () => {
      const { next } = await json<ListBody<unknown>>(await admin.get("/v1/accounts?prefix=fin&limit=1"), 200);
      await problem(
        await reader.get(`/v1/accounts?prefix=find:a&limit=1&cursor=${next}`),
        422,
        "invalid-fields",
      );
    });
  });
}
