import { describe, expect, test } from "bun:test";
import { formatCursor, parseCursor } from "../../src/events/cursor.ts";
import { openApiDocument } from "../../src/http/openapi/document.ts";
import { WEBHOOK_OPERATIONS } from "../../src/http/openapi/operations-webhooks.ts";
import { type Client, credit, json, problem } from "./support/client.ts";
import { documentedOutcomes } from "./support/conformity.ts";

const MAX = Number.MAX_SAFE_INTEGER;

/** Only a server in trouble answers these, or one that asks for keys, or several shards: other suites see them. */
const OF_OTHERS =
  / (?:key-missing|key-invalid|scope-missing|too-many-requests|malformed-request|request-timeout|internal-error|ledger-unavailable|not-ready|shards-apart)$/;

/** The accounts that a webhook or a watch names may be any, but for a key that is for some: tests/attacks sees it. */
const OF_BOUND_KEYS = /^(?:createWebhook|changeWebhook|createWatch) account-not-found$/;

/** What needs a journal. */
const OF_JOURNALS = new Set(["readEvents", ...Object.keys(WEBHOOK_OPERATIONS)]);

/**
 * Has to be the last: it looks at what the other sections have asked.
 *
 * @param hasJournal whether there are events, webhooks and watches
 */
export function documentSection(api: Client, url: () => string, hasJournal: boolean): void {
  describe("the OpenAPI document", () => {
    test("is served", async () => {
      expect(await json(await api.get("/openapi.json"), 200)).toEqual({ ...openApiDocument() });
    });

    test("is shown by a page that comes from the same server, with all that it needs", async () => {
      // These are no JSON, and not in the document: the client of these tests does not know them.
      const read = async (path: string) => {
        const reply = await fetch(url() + path);
        expect([path, reply.status]).toEqual([path, 200]);
        expect(reply.headers.get("content-security-policy")).toStartWith("default-src 'none';");
        return { type: reply.headers.get("content-type"), text: await reply.text() };
      };
      const { type, text } = await read("/docs");
      expect(type).toBe("text/html; charset=utf-8");
      const needed = [...text.matchAll(/(?:src|href)="(docs\/[^"]+)"/g)].map(([, path]) => `/${path}`);
      expect(needed.length).toBe(5);
      for (const path of needed) expect((await read(path)).text.length).toBeGreaterThan(100);
      expect(text).not.toMatch(/https?:|<script>|<style>| style="/);
    });

    test("is right of what any command may be refused for", async () => {
      const a = await api.funded(5);
      for (const [method, path, body] of [
        ["POST", "/v1/accounts", { unit: "BRL/2" }],
        ["PATCH", `/v1/accounts/${a}`, {}],
        ["POST", "/v1/transactions", { postings: [{ from: "@world", to: a, amount: 1 }] }],
        ["POST", "/v1/transactions/nothing/reversal", {}],
        ["POST", "/v1/holds", { from: a, amount: 1 }],
        ["POST", "/v1/holds/nothing/capture", {}],
        ["POST", "/v1/holds/nothing/release", {}],
      ] as const) {
        const key = { "idempotency-key": "no key" };
        await problem(await api.send(method, path, body, key), 400, "invalid-idempotency-key");
        await problem(await api.send(method, path, " ".repeat(8193)), 413, "body-too-large");
      }
      expect(await api.readAccount(a)).toMatchObject({ balance: 5, held: 0, seq: 1 });
    });

    test("is right of a balance, or what is held, that would be out of range", async () => {
      const rich = await api.account(MAX);
      const spent = await api.move(["@world", rich, MAX]);
      await problem(await api.transact(rich, credit(1)), 422, "balance-out-of-range");
      await api.hold(rich, MAX);
      const held = await api.post("/v1/holds", { from: rich, amount: 1 });
      await problem(held, 422, "balance-out-of-range");
      const other = await api.account();
      const { id } = await api.move([rich, other, 1]);
      await api.move(["@world", rich, 1]);
      const reversal = await api.post(`/v1/transactions/${id}/reversal`);
      await problem(reversal, 422, "balance-out-of-range");
      expect(spent.accounts[rich]).toMatchObject({ balance: MAX });
    });

    test("is right of an atomic batch's refusals", async () => {
      const a = await api.account();
      const atomic = (command: object) => api.post("/v1/batches", { atomic: true, commands: [command] });
      const opened = await atomic({ op: "account", body: { id: a, unit: "USD/2" } });
      expect(await problem(opened, 409, "account-exists")).toMatchObject({ index: 0, account: a });
      const reversed = await atomic({ op: "reversal", id: "nothing" });
      expect(await problem(reversed, 404, "transaction-not-found")).toMatchObject({ index: 0 });
    });

    test.skipIf(!hasJournal)("is right of events, and of how a page of them is refused", async () => {
      const path = "/v1/events?limit=3";
      await json(await api.get(path), 200);
      // All that this suite has decided.
      for (let after: string | null = ""; after !== null;) {
        const reply = await api.get(`/v1/events?limit=100${after}`);
        const { data, next } = await json<{ data: readonly unknown[]; next: string }>(reply, 200);
        after = data.length === 0 ? null : `&after=${next}`;
      }
      await problem(await api.get("/v1/events?account=nobody"), 404, "account-not-found");
      await problem(await api.get("/v1/events?type=account.closed"), 422, "invalid-fields");
      const { next } = await json<{ next: string }>(await api.get(path), 200);
      const gone = (parseCursor(next) ?? []).map((one) => ({ ...one, g: 0, seen: null, mark: 1 }));
      await problem(await api.get(`/v1/events?after=${formatCursor(gone)}`), 410, "cursor-gone");
    });

    test("has no operation, success or refusal that this suite has not seen", () => {
      const missing = documentedOutcomes().filter(
        (outcome) =>
          !api.conformity.seen.has(outcome) &&
          !OF_OTHERS.test(outcome) &&
          !OF_BOUND_KEYS.test(outcome) &&
          (hasJournal || !OF_JOURNALS.has(outcome.split(" ", 1)[0] ?? "")),
      );
      expect(missing).toEqual([]);
    });
  });
}
