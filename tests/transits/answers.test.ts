import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import type { RedisLedger } from "../../src/decide/redis-ledger.ts";
import { WORLD } from "../../src/ledger/account.ts";
import { shardOf } from "../../src/ledger/account-id.ts";
import { LedgerUnavailable, type Outcome } from "../../src/ledger/ledger.ts";
import { accountOn } from "../support/account-on.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import {
  accepted,
  capture,
  change,
  held,
  hold,
  moved,
  open,
  reversal,
  transact,
  transaction,
} from "../support/ledger/commands.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const SHARDS = 3;
const [A, B, C] = [accountOn(0, SHARDS), accountOn(1, SHARDS), accountOn(2, SHARDS)];

describeWithRedis("what is answered to transactions across shards", () => {
  let stand: RedisStand;
  let ledger: RedisLedger;
  beforeEach(async () => {
    stand = await RedisStand.start({ shards: SHARDS });
    ledger = await stand.ledger();
    for (const account of [A, B, C]) moved(await ledger.submit(transaction([[WORLD, account, 1000]])));
  });
  afterEach(() => stand[Symbol.asyncDispose]());

  /** As after half a minute: ids of requests are forgotten, those of clients are not. */
  async function forgetRequests(): Promise<void> {
    for (let shard = 0; shard < SHARDS; shard += 1)
      for (const period of [0, 1]) await stand.command(["DEL", `razonete:{${shard}}:seen:${period}`]);
  }

  async function keep(): Promise<void> {
    for (let shard = 0; shard < SHARDS; shard += 1) await stand.books.keep(shard, 1000);
  }

  test("a key used again late finds the accounts as they stood then: in the outbox, then in the books", async () => {
    const command = transaction(
      [
        [A, B, 5],
        [B, C, 2],
      ],
      { id: "key:late" },
    );
    const first = await ledger.submit(command);
    moved(await ledger.submit(transaction([[WORLD, B, 100]])));
    moved(await ledger.submit(transaction([[WORLD, C, 100]])));
    const replayed = { ...first, replayed: true } as Outcome;
    await forgetRequests();
    expect(await ledger.submit(command)).toEqual(replayed);
    await forgetRequests();
    await keep();
    expect(await stand.events(1)).toEqual([]);
    expect(await ledger.submit(command)).toEqual(replayed);
    stand.books.away = true;
    await forgetRequests();
    expect(await ledger.submit(command).catch((error: unknown) => error)).toMatchObject({
      outcome: "unknown",
    });
    stand.books.away = false;
    expect(await ledger.account(B)).toMatchObject({ balance: 1103, held: 0 });
  });

  test("a capture used again is answered as the first time, also late", async () => {
    const { id } = held(await ledger.submit(hold(A, 30, { to: B })));
    const command = capture(id, { id: "key:capture", amount: 20 });
    const first = await ledger.submit(command);
    expect(first).toMatchObject({ type: "accepted", result: { hold: { captured: 20, state: "captured" } } });
    expect(await ledger.submit(command)).toEqual({ ...first, replayed: true } as Outcome);
    await forgetRequests();
    await keep();
    expect(await ledger.submit(command)).toEqual({ ...first, replayed: true } as Outcome);
    expect(await ledger.submit(capture(id, { id: "key:other" }))).toMatchObject({ refusal: "hold-not-open" });
    expect(await ledger.account(B)).toMatchObject({ balance: 1020, held: 0 });
  });

  test("a key belongs to its home: used for an account of another shard it is another one", async () => {
    accepted(await ledger.submit(transact(C, "credit", 1, "key:one")));
    moved(await ledger.submit(transaction([[A, B, 1]], { id: "key:one" })));
    expect(await ledger.submit(transaction([[A, C, 1]], { id: "key:one" }))).toMatchObject({
      refusal: "key-reused",
    });
  });

  test("an answer is remembered where another shard would refuse it by now", async () => {
    const account = accepted(await ledger.submit(open(0, { account: idOn(1) }))).id;
    const command = transaction([[A, account, 3]], { id: "key:then" });
    const back = transaction([[account, A, 3]]);
    const first = await ledger.submit(command);
    moved(await ledger.submit(back));
    accepted(await ledger.submit(change(account, { state: "closed" })));
    expect(await ledger.submit(command)).toEqual({ ...first, replayed: true } as Outcome);
    expect(await ledger.submit({ ...command, id: "key:now" })).toMatchObject({
      refusal: "account-closed",
      account,
    });
  });

  test("entries on each shard bear the name of the access key", async () => {
    moved(await ledger.submit({ ...transaction([[A, B, 5]], { id: "key:named" }), by: "till" }));
    for (const shard of [0, 1]) expect((await stand.events(shard)).at(-1)).toContain(" till/key:named ");
  });

  test("commands of a batch that is not atomic find what those before them have done", async () => {
    const [x, y] = [idOn(1), idOn(2)];
    for (const account of [x, y]) await ledger.submit(open(0, { account }));
    const { id } = held(await ledger.submit(hold(A, 40, { to: x })));
    const settled = await ledger.submitEach([
      transaction([[A, x, 10]]),
      transaction([[x, y, 10]]),
      transact(y, "debit", 10),
      transaction([[y, A, 1]]),
      transact(C, "credit", 1),
      capture(id),
      transact(x, "debit", 40),
      transaction([[x, A, 1]]),
    ]);
    expect(settled.map((one) => (one.status === "fulfilled" ? one.value.type : one.reason))).toEqual([
      "accepted",
      "accepted",
      "accepted",
      "refused",
      "accepted",
      "accepted",
      "accepted",
      "refused",
    ]);
  });

  test("a transaction of one shard is no command of several calls", async () => {
    const before = (await stand.events(0)).length;
    moved(await ledger.submit(transaction([[WORLD, A, 1]])));
    const made = moved(await ledger.submit(transaction([[A, WORLD, 1]])));
    moved(await ledger.submit(reversal(made.transaction.id)));
    expect((await stand.events(0)).slice(before).map((event) => event.charAt(0))).toEqual(["t", "t", "t"]);
    for (const shard of [1, 2])
      expect((await stand.events(shard)).some((event) => event.startsWith("q"))).toBe(false);
  });

  test("a ledger that is closed answers what is under way", async () => {
    const answers = Array.from({ length: 10 }, (_, index) =>
      ledger.submit(transaction([[A, B, 1]], { id: `key:${index}` })),
    );
    await eventually("the first is prepared", async () =>
      (await stand.events(1)).some((event) => event.startsWith("q")),
    );
    await ledger.close();
    for (const answer of await Promise.allSettled(answers))
      expect(answer).toMatchObject({ status: "fulfilled", value: { type: "accepted" } });
  });

  test("where the outbox of another shard is full nothing is decided, and it is said so", async () => {
    const full = await stand.ledger({ outboxBatchesMax: (await stand.outbox(1)).length });
    await stand.books.keep(0, 1000);
    const answer: unknown = await full.submit(transaction([[A, B, 1]])).catch((error: unknown) => error);
    expect(answer).toBeInstanceOf(LedgerUnavailable);
    expect(answer).toMatchObject({ outcome: "none", message: "the books are too far behind" });
    expect(await ledger.account(A)).toMatchObject({ balance: 1000, held: 0 });
  });

  test("where an account is kept still for too long, it is said that it may be that", async () => {
    const key = `razonete:{1}:account:${B}`;
    // As an open part with a condition on it leaves it: its parts, what goes out and comes in of them, and its locks.
    await stand.command(["SET", key, `${String(await stand.command(["GET", key]))} 1 0 0 1`]);
    for (const posting of [
      [WORLD, B, 1],
      [A, B, 1],
    ] as const)
      expect(await ledger.submit(transaction([posting])).catch((error: unknown) => String(error))).toContain(
        "were kept still by transactions across shards",
      );
    expect(await ledger.account(A)).toMatchObject({ balance: 1000, held: 0 });
  });
});

/** An account that is not there at the start. */
function idOn(shard: number): string {
  const ids = Array.from({ length: 100 }, (_, number) => `x${number}`);
  return ids.find((id) => shardOf(id, SHARDS) === shard) ?? "";
}
