import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { mayPass } from "../support/pace/may-pass.ts";
import { processesOf, startStack } from "../support/running-stack.ts";
import { startServer } from "../support/server.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { razonete } from "./support/razonete.ts";
import { within5Seconds } from "./support/within.ts";

/** Access keys as a person uses them, on whole servers of both shapes: made while it runs, used, revoked. */

failOnLeaks();
setDefaultTimeout(120_000);

const RATE = 5;

interface Running extends AsyncDisposable {
  readonly url: string;
  /** For `razonete keys`. */
  readonly target: readonly string[];
  /** The APIs behind it. */
  readonly sockets: readonly string[];
  /** All that its processes have said, and their command lines. */
  said(): string;
}

inUse("the embedded ledger", async (data) => {
  const server = await startServer({ data });
  return {
    url: server.url,
    target: ["--data", data],
    sockets: [],
    said: () => JSON.stringify(server.output()),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
});

describe.skipIf(serversMissing !== null)("with its servers", () => {
  inUse("a stack", async (data) => {
    const stack = await startStack({ data, real: true });
    const read = (...names: readonly string[]) => readFileSync(join(...names), "utf8");
    return {
      url: stack.url,
      target: ["--stack", data],
      sockets: ["api-1", "api-2"].map((api) => join(data, "run", `${api}.sock`)),
      said: () =>
        [
          stack.output(),
          ...readdirSync(join(data, "logs")).map((name) => read(data, "logs", name)),
          ...processesOf(data).map((pid) => read("/proc", String(pid), "cmdline")),
        ].join("\n"),
      [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
    };
  });
});

function inUse(name: string, start: (data: string) => Promise<Running>): void {
  describe(`access keys of ${name}`, () => {
    let folder: TemporaryFolder;
    let server: Running;
    let admin: string;
    let shop: string;
    let slow: string;

    const keys = (...args: readonly string[]) => razonete(["keys", ...args, ...server.target, "--json"]);
    const made = (named: string, ...flags: readonly string[]): string => {
      const { stdout, stderr } = keys("create", "--name", named, ...flags);
      expect(stderr).toBe("");
      return z.object({ key: z.string() }).parse(JSON.parse(stdout)).key;
    };
    const ask = async (
      token: string | null,
      method: string,
      path: string,
      body?: object,
      unix?: string | null,
    ) => {
      const answer = await fetch(server.url + path, {
        method,
        ...(unix ? { unix } : {}),
        headers: token === null ? {} : { authorization: `Bearer ${token}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const told: Record<string, unknown> = Object(await answer.json());
      return { status: answer.status, headers: answer.headers, told };
    };
    const get = (token: string | null, path: string) => ask(token, "GET", path);
    const move = (token: string, from: string, to: string) =>
      ask(token, "POST", "/v1/transactions", { postings: [{ from, to, amount: 1 }] });

    beforeAll(async () => {
      folder = temporaryFolder("keys-in-use");
      server = await start(join(folder.path, "data"));
      expect((await get(null, "/v1/accounts/1")).status).toBe(200);
      admin = made("admin", "--scopes", "admin");
      const scopes = "accounts:read,transactions:write";
      shop = made("shop", "--scopes", scopes, "--accounts", "acme:*", "--expires", "90d");
      slow = made("slow", "--scopes", "accounts:read", "--rate", String(RATE));
      const isClosed = async () => (await get(null, "/v1/accounts/1")).status === 401;
      await within5Seconds("it is closed", isClosed);
      // Not asked with more often than wrong keys may come. The last one is read together with the others, or after them.
      for (let seconds = 0; (await get(slow, "/v1/accounts/1")).status !== 200; seconds += 1) {
        expect(seconds).toBeLessThan(5);
        await Bun.sleep(1000);
      }
      for (const id of ["acme:a", "acme:b", "other:a"])
        expect((await ask(admin, "POST", "/v1/accounts", { id, unit: "CREDITS" })).status).toBe(201);
      expect((await move(admin, "@world", "acme:a")).status).toBe(201);
    });
    afterAll(async () => {
      await server?.[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    });

    test("each is good for what it was made for, and for nothing else", async () => {
      expect((await move(shop, "acme:a", "acme:b")).status).toBe(201);
      for (const [refused, scope] of [
        [await move(shop, "@world", "acme:a"), "world:write"],
        [await ask(shop, "POST", "/v1/accounts", { id: "acme:c", unit: "CREDITS" }), "accounts:write"],
        [await ask(shop, "POST", "/v1/holds", { from: "acme:b", amount: 1 }), "holds:write"],
        [await get(shop, "/v1/transactions"), "transactions:read"],
        [await get(shop, "/v1/ledger"), "ledger:read"],
      ] as const) {
        expect([refused.status, refused.told["scope"]]).toEqual([403, scope]);
        expect(refused.headers.get("www-authenticate")).toContain(`scope="${scope}"`);
      }
    });

    test("one that is bound to accounts is told of others what it is told of none", async () => {
      const list = async () => {
        const { told } = await get(shop, "/v1/accounts");
        const { data } = z.object({ data: z.array(z.object({ id: z.string() })) }).parse(told);
        return data.map(({ id }) => id);
      };
      await eventually("its own accounts are listed", async () => (await list()).length > 1);
      expect(await list()).toEqual(["acme:a", "acme:b"]);
      for (const id of ["other:a", "nobody"]) {
        const about = { status: 404, told: { type: "urn:razonete:problem:account-not-found" } };
        expect(await get(shop, `/v1/accounts/${id}`)).toMatchObject(about);
        expect(await move(shop, "acme:b", id)).toMatchObject(about);
        expect(await move(shop, id, "acme:b")).toMatchObject(about);
      }
    });

    test("one with a rate of its own is answered at that rate, and told when to come again", async () => {
      const begunAt = performance.now();
      const answers = await Promise.all(Array.from({ length: 40 }, () => get(slow, "/v1/accounts/1")));
      const refused = answers.filter(({ status }) => status === 429);
      expect(refused.length).toBeGreaterThanOrEqual(40 - mayPass(RATE, begunAt));
      const { headers, told } = refused[0] ?? { headers: new Headers(), told: {} };
      expect(told).toMatchObject({ type: "urn:razonete:problem:too-many-requests", status: 429 });
      expect(["retry-after", "ratelimit-policy", "ratelimit"].map((header) => headers.get(header))).toEqual([
        "1",
        `"key";q=${RATE};w=1`,
        '"key";r=0;t=1',
      ]);
      expect((await get(admin, "/v1/accounts/1")).status).toBe(200);
    });

    test("one that was revoked is refused within 5 s, and no other", async () => {
      expect((await get(shop, "/v1/accounts/acme:a")).status).toBe(200);
      expect(keys("revoke", "shop").stderr).toBe("");
      const refuses = async (unix: string | null) =>
        within5Seconds(
          "it is refused",
          async () => (await ask(shop, "GET", "/v1/accounts/acme:a", undefined, unix)).status === 401,
          () => unix,
        );
      await Promise.all([null, ...server.sockets].map(refuses));
      expect((await get(shop, "/v1/accounts/acme:a")).told["type"]).toBe("urn:razonete:problem:key-invalid");
      expect((await get(admin, "/v1/accounts/acme:a")).status).toBe(200);
    });

    test("none of them is in a log, on a command line or at the terminal", () => {
      const said = server.said();
      for (const token of [admin, shop, slow]) expect(said.includes(token.slice(3))).toBe(false);
    });
  });
}
