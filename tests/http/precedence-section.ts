import { beforeAll, describe, expect, test } from "bun:test";
import type { ProblemName } from "../../src/http/problems.ts";
import { type Client, type HoldBody, json, problem } from "./support/client.ts";

type Answer = readonly [number, ProblemName];

const MAX = Number.MAX_SAFE_INTEGER;

/** Where the ledger has several reasons to refuse, the first in the documented order is the answer. */
export function precedenceSection(api: Client): void {
  describe("of several reasons the first is told:", () => {
    let a: Record<"poor" | "rich" | "full" | "usd" | "frozen" | "closed", string>;
    beforeAll(async () => {
      const state = async (id: string, wanted: string) => {
        await json(await api.send("PATCH", `/v1/accounts/${id}`, { state: wanted }), 200);
        return id;
      };
      a = {
        poor: await api.account(),
        rich: await api.funded(1000),
        full: await api.funded(MAX),
        usd: await api.account(0, { unit: "USD/2" }),
        frozen: await state(await api.account(), "frozen"),
        closed: await state(await api.account(), "closed"),
      };
    });
    const posting = (from: string, to: string, amount = 1) => ({ from, to, amount });
    const keyed = { "idempotency-key": crypto.randomUUID() };

    /** By itself, and in batches of both kinds. */
    async function refused(op: string, path: string, id: string | null, body: unknown, answer: Answer) {
      const told = await problem(await api.post(path, body), ...answer);
      const commands = [{ op, ...(id === null ? {} : { id }), body }];
      const { results } = await json<{ results: { status: number; body: Record<string, unknown> }[] }>(
        await api.post("/v1/batches", { atomic: false, commands }),
        200,
      );
      expect(results).toEqual([{ status: answer[0], body: told }]);
      const whole = await problem(await api.post("/v1/batches", { atomic: true, commands }), ...answer);
      expect(whole).toMatchObject({ index: 0, ...("account" in told ? { account: told["account"] } : {}) });
      return told;
    }

    test("a transaction", async () => {
      const { poor, rich, full, usd, frozen, closed } = a;
      const unmet = { account: rich, balance: { eq: 5 } };
      const unknown = { account: "nobody", balance: { eq: 5 } };
      const met = { account: rich, balance: { eq: 1000 } };
      const tooMuch = posting(poor, "@world");
      const steps: [unknown[], unknown[], Answer, object][] = [
        [[posting("nobody", closed)], [unmet], [404, "account-not-found"], { account: "nobody", index: 0 }],
        [[posting(closed, "nobody")], [unmet], [404, "account-not-found"], { account: "nobody", index: 0 }],
        [[posting(frozen, closed)], [unmet], [422, "account-closed"], { account: closed, index: 0 }],
        [[posting(closed, usd)], [unmet], [422, "account-closed"], { account: closed, index: 0 }],
        [[posting(frozen, usd)], [unmet], [422, "account-frozen"], { account: frozen, index: 0 }],
        [[posting(poor, usd)], [unmet], [422, "unit-mismatch"], { index: 0 }],
        // Posting by posting: what is wrong with the first comes before what is wrong with the second.
        [[posting(rich, usd), posting("nobody", closed)], [], [422, "unit-mismatch"], { index: 0 }],
        [[posting(frozen, rich), posting(rich, closed)], [], [422, "account-frozen"], { index: 0 }],
        [[tooMuch, posting(rich, closed)], [], [422, "account-closed"], { index: 1 }],
        [[tooMuch, posting("@world", "nobody")], [unmet], [404, "account-not-found"], { index: 1 }],
        [[tooMuch], [met, unmet, unknown], [422, "condition-failed"], { account: rich, index: 1 }],
        [[tooMuch], [unknown, unmet], [404, "account-not-found"], { account: "nobody", index: 0 }],
        [[posting("@world", full), tooMuch], [unmet], [422, "condition-failed"], { index: 0 }],
        [[tooMuch, posting("@world", full)], [met], [422, "limit-exceeded"], { account: poor, index: 0 }],
        [
          [posting("@world", full), tooMuch],
          [met],
          [422, "balance-out-of-range"],
          { account: full, index: 0 },
        ],
        // Of one posting the side that pays.
        [[posting(poor, full)], [], [422, "limit-exceeded"], { account: poor, index: 0 }],
      ];
      for (const [postings, conditions, answer, place] of steps) {
        const body = { postings, ...(conditions.length === 0 ? {} : { conditions }) };
        expect(await refused("transaction", "/v1/transactions", null, body, answer)).toMatchObject(place);
        const dry = await api.post("/v1/transactions", { ...body, dry_run: true });
        expect(await problem(dry, ...answer)).toMatchObject(place);
      }
    });

    test("a hold", async () => {
      const { poor, usd, frozen, closed } = a;
      for (const [from, to, answer, account] of [
        ["nobody", closed, [404, "account-not-found"], "nobody"],
        [closed, "nobody", [404, "account-not-found"], "nobody"],
        [frozen, closed, [422, "account-closed"], closed],
        [closed, usd, [422, "account-closed"], closed],
        [frozen, usd, [422, "account-frozen"], frozen],
        [poor, usd, [422, "unit-mismatch"], usd],
        [poor, "@world", [422, "limit-exceeded"], poor],
      ] as const) {
        const told = await refused("hold", "/v1/holds", null, { from, to, amount: 5 }, answer);
        expect(told).toMatchObject({ account });
      }
    });

    test("a capture", async () => {
      const { usd, full, frozen, closed } = a;
      const payer = await api.funded(10);
      const hold: HoldBody = await api.hold(payer, 10);
      const ended: HoldBody = await api.hold(await api.funded(5), 5);
      await json(await api.post(`/v1/holds/${ended.id}/release`), 200);
      for (const [id, body, answer, place] of [
        ["h0-0-0-0", { to: "nobody" }, [404, "hold-not-found"], {}],
        [ended.id, { to: "nobody" }, [422, "hold-not-open"], { state: "released" }],
        [hold.id, { to: "nobody", amount: 11 }, [404, "account-not-found"], { account: "nobody" }],
        [hold.id, { to: closed, amount: 11 }, [422, "account-closed"], { account: closed }],
        [hold.id, { to: usd, amount: 11 }, [422, "unit-mismatch"], {}],
        [
          hold.id,
          {
            postings: [
              { to: full, amount: 11 },
              { to: closed, amount: 1 },
            ],
          },
          [422, "account-closed"],
          { index: 1 },
        ],
        [hold.id, { to: full, amount: 11 }, [422, "limit-exceeded"], { account: payer }],
        [hold.id, { to: full, amount: 10 }, [422, "balance-out-of-range"], { account: full }],
      ] as const) {
        const path = `/v1/holds/${id}/capture`;
        expect(await refused("capture", path, id, body, answer)).toMatchObject(place);
      }
      await json(await api.post(`/v1/holds/${hold.id}/capture`, { to: frozen }), 200);
    });

    test("a reversal", async () => {
      const [from, to] = [await api.funded(10), await api.account()];
      const moved = await api.move([from, to, 10]);
      const path = `/v1/transactions/${moved.id}/reversal`;
      const patch = (id: string, state: string) => api.send("PATCH", `/v1/accounts/${id}`, { state });
      await api.move([to, "@world", 10]);
      await json(await patch(to, "frozen"), 200);
      await refused("reversal", path, moved.id, {}, [422, "account-frozen"]);
      await json(await patch(to, "closed"), 200);
      await refused("reversal", path, moved.id, {}, [422, "account-closed"]);
      const other = await api.move(["@world", from, 5]);
      const back = await json<{ id: string }>(await api.post(`/v1/transactions/${other.id}/reversal`), 201);
      await json(await patch(from, "closed"), 200);
      const again = `/v1/transactions/${other.id}/reversal`;
      const told = await refused("reversal", again, other.id, {}, [422, "already-reversed"]);
      expect(told).toMatchObject({ reversal: back.id });
      const ofBack = `/v1/transactions/${back.id}/reversal`;
      await refused("reversal", ofBack, back.id, {}, [422, "not-reversible"]);
    });

    test("a change of an account", async () => {
      const { closed } = a;
      const used = await api.account(10);
      await api.move([used, "@world", 5]);
      const metadata = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`m${at}`, "x"]));
      await json(await api.send("PATCH", `/v1/accounts/${used}`, { metadata }), 200);
      const all = { credit_limit: 1, state: "closed", metadata: { more: "x" } };
      for (const [id, body, answer] of [
        ["nobody", all, [404, "account-not-found"]],
        [closed, all, [422, "account-closed"]],
        [used, all, [422, "invalid-fields"]],
        [used, { credit_limit: 1, state: "closed" }, [422, "limit-too-low"]],
        [used, { state: "closed" }, [422, "account-not-empty"]],
      ] as const)
        await problem(await api.send("PATCH", `/v1/accounts/${id}`, body), answer[0], answer[1]);
    });

    test("a key that was used comes before all of these", async () => {
      const { closed } = a;
      await json(await api.post("/v1/accounts", { unit: "BRL/2" }, keyed), 201);
      const capture = { op: "capture", id: "h0-0-0-0" };
      for (const [path, body] of [
        ["/v1/transactions", { postings: [posting("nobody", closed)] }],
        ["/v1/holds", { from: "nobody", amount: 1 }],
        ["/v1/holds/h0-0-0-0/capture", {}],
        ["/v1/holds/h0-0-0-0/release", {}],
        ["/v1/transactions/t0-0-0-0/reversal", {}],
        ["/v1/batches", { atomic: true, commands: [capture] }],
        ["/v1/batches", { atomic: false, commands: [capture] }],
      ] as const)
        await problem(await api.post(path, body, keyed), 422, "idempotency-key-reused");
    });
  });
}
