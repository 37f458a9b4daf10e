import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { HoldError, Razonete } from "../../client/src/razonete.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";

/** The client against the ledger itself: every route. */

failOnLeaks();

describe("against the embedded ledger", () => {
  let folder: TemporaryFolder;
  let server: RunningServer;
  let ledger: Razonete;

  beforeAll(async () => {
    folder = temporaryFolder();
    server = await startServer({ data: folder.path, flags: ["--no-initial-accounts"] });
    ledger = new Razonete({ url: server.url });
  });

  afterAll(async () => {
    await server.stop();
    folder[Symbol.dispose]();
  });

  const fund = async (id: string, amount: number) => {
    await ledger.accounts.open({ id, unit: "CREDITS" });
    return ledger.transactions.create({
      postings: [{ from: "@world", to: id, amount }],
      reference: `fund-${id}`,
    });
  };

  test("accounts: opened, opened again, changed, read, listed", async () => {
    const opening = { id: "{t}:acme", unit: "CREDITS", name: "Acme", metadata: { plan: "pro" } };
    const opened = await ledger.accounts.open(opening);
    expect(opened).toMatchObject({ ...opening, balance: 0, state: "open" });
    expect(await ledger.accounts.open(opening)).toEqual(opened);
    const other = await ledger.accounts.open({ ...opening, unit: "BRL/2" }).outcome();
    expect(other).toMatchObject({ type: "refused", reason: "account-exists" });
    const changed = await ledger.accounts.change("{t}:acme", { credit_limit: 7, metadata: { plan: null } });
    expect(changed).toMatchObject({ credit_limit: 7, metadata: {} });
    expect(await ledger.accounts.get("{t}:acme")).toEqual(changed);
    expect(await ledger.accounts.list({ name: "Ac" }).all()).toEqual([changed]);
    expect(await ledger.accounts.list({ metadata: { plan: "pro" } }).all()).toEqual([]);
  });

  test("transactions: created, read, listed, dry, reversed once; entries and balances", async () => {
    const before = new Date();
    const funded = await fund("buyer", 100);
    expect(funded.accounts["buyer"]?.balance).toBe(100);
    const postings = [{ from: "buyer", to: "@world", amount: 30 }];
    const dry = await ledger.transactions.dryRun({ postings });
    expect([dry.id, dry.accounts["buyer"]?.balance]).toEqual([null, 70]);
    const conditions = [{ account: "buyer", balance: { eq: 100 } }] as const;
    const spent = await ledger.transactions.create({ postings, conditions });
    const late = await ledger.transactions.create({ postings, conditions }).outcome();
    expect(late).toMatchObject({ type: "refused", reason: "condition-failed", problem: { index: 0 } });
    const reversal = await ledger.transactions.reverse(spent.id, { description: "a mistake" });
    expect(reversal.reverses).toBe(spent.id);
    expect((await ledger.transactions.get(spent.id)).reversed_by).toBe(reversal.id);
    const again = await ledger.transactions.reverse(spent.id).outcome();
    expect(again).toMatchObject({ reason: "already-reversed", problem: { reversal: reversal.id } });
    const found = await ledger.transactions.list({ account: "buyer", from: before, limit: 2 }).all();
    expect(found.map(({ id }) => id)).toEqual([reversal.id, spent.id, funded.id]);
    const entries = await ledger.accounts.entries("buyer", { order: "asc", limit: 1 }).all();
    expect(entries.map(({ amount }) => amount)).toEqual([100, -30, 30]);
    expect(await ledger.accounts.balance("buyer")).toMatchObject({ balance: 100, seq: 3 });
    expect(await ledger.accounts.balance("buyer", before)).toMatchObject({ balance: 0, seq: 0 });
  });

  test("holds: created, listed, captured, released", async () => {
    await fund("holder", 100);
    const held = await ledger.holds.create({ from: "holder", amount: 60, expires_in: 60 });
    expect(held.account.available).toBe(40);
    expect(await ledger.holds.list({ account: "holder", state: "open" }).all()).toMatchObject([
      { id: held.id },
    ]);
    expect((await ledger.holds.capture(held.id, { amount: 10 })).captured).toBe(10);
    expect((await ledger.holds.get(held.id)).state).toBe("captured");
    const other = await ledger.holds.create({ from: "holder", amount: 60 });
    expect((await ledger.holds.release(other.id)).state).toBe("released");
    const late = await ledger.holds.capture(other.id).outcome();
    expect(late).toMatchObject({ reason: "hold-not-open", problem: { state: "released" } });
  });

  test("withHold: of many at once exactly those run that are covered; one that fails frees its hold", async () => {
    await fund("prepaid", 1000);
    let running = 0;
    const call = (cost: number) =>
      ledger.withHold("prepaid", 300, async () => {
        running += 1;
        await Bun.sleep(300);
        if (cost < 0) throw new Error("the model is away");
        return { amount: cost, result: `cost ${cost}` };
      });
    const calls = await Promise.allSettled([call(7), call(-1), call(12), call(9)]);
    expect(running).toBe(3);
    const told = calls.map((one) =>
      one.status === "fulfilled" ? one.value.result : Object(one.reason).reason,
    );
    expect(told).toContain("limit-exceeded");
    const charged = calls.flatMap((one) => (one.status === "fulfilled" ? [one.value.hold.captured] : []));
    const { balance, held } = await ledger.accounts.get("prepaid");
    expect({ balance, held }).toEqual({
      balance: 1000 - charged.reduce((sum, one) => sum + one, 0),
      held: 0,
    });
  });

  test("withHold: a hold that expired during the work is told, and nothing is charged", async () => {
    await fund("slow", 100);
    const work = async () => {
      await Bun.sleep(1200);
      return 5;
    };
    const error: unknown = await ledger
      .withHold("slow", 50, work, { expires_in: 1 })
      .catch((reason: unknown) => reason);
    if (!(error instanceof HoldError)) throw error;
    expect(error).toMatchObject({ step: "capture", used: 5, outcome: { problem: { state: "expired" } } });
    expect(await ledger.accounts.get("slow")).toMatchObject({ balance: 100, held: 0 });
  });

  test("batches: all or none, or each for itself", async () => {
    await fund("batched", 10);
    const spend = {
      op: "transaction",
      body: { postings: [{ from: "batched", to: "@world", amount: 6 }] },
    } as const;
    const all = await ledger.batches.create({ atomic: true, commands: [spend, spend] }).outcome();
    expect(all).toMatchObject({ type: "refused", reason: "limit-exceeded", problem: { index: 1 } });
    const sent = ledger.batches.create({ atomic: false, commands: [spend, spend] });
    const each = await sent;
    expect(each.map(({ type }) => type)).toEqual(["done", "refused"]);
    const again = await ledger.batches
      .create({ atomic: false, commands: [spend, spend] }, { key: sent.key })
      .outcome();
    expect(again).toMatchObject({ type: "done", replayed: true });
    expect((await ledger.accounts.get("batched")).balance).toBe(4);
  });

  test("the trial balance; and a key that was used for something else", async () => {
    const { units } = await ledger.totals();
    expect(units.map(({ balances, world }) => BigInt(balances) + BigInt(world))).toEqual(units.map(() => 0n));
    const first = ledger.accounts.open({ unit: "CREDITS" });
    await first;
    const second = await ledger.accounts.open({ unit: "TOKENS" }, { key: first.key }).outcome();
    expect(second).toMatchObject({ type: "refused", reason: "idempotency-key-reused" });
  });
});
