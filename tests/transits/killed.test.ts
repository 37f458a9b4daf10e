import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { oppositeOf } from "../../src/decide/prepare.ts";
import type { Prepared } from "../../src/decide/function-codec.ts";
import type { RedisLedger } from "../../src/decide/redis-ledger.ts";
import { WORLD } from "../../src/ledger/account.ts";
import type { Command, CommandId } from "../../src/ledger/command.ts";
import { LedgerUnavailable } from "../../src/ledger/ledger.ts";
import { accountOn } from "../support/account-on.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { capture, condition, held, hold, moved, reversal, transaction } from "../support/ledger/commands.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { readMoment } from "./support/conserved.ts";
import { type Death, MortalApi } from "./support/mortal-api.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const SHARDS = 3;
const HOME = 0;
const [A, B, C] = [accountOn(HOME, SHARDS), accountOn(1, SHARDS), accountOn(2, SHARDS)];
const BEGINNING = 1_000_000;
/** More than any account has. */
const TOO_MUCH = 1_000_000_000;
/** How long the dying process' own client waits. */
const PATIENCE_MILLISECONDS = 200;

interface Scenario {
  /** What the process asks of shards if it lives. */
  readonly calls: number;
  readonly command: (id: CommandId) => Command | Promise<Command>;
  readonly prepared?: Prepared;
  /** How much A, B and C have from it; null where it is refused. */
  readonly moves: readonly [number, number, number] | null;
}

describeWithRedis("a process that dies while it has a transaction across shards decided", () => {
  let stand: RedisStand;
  let ledger: RedisLedger;
  beforeEach(async () => {
    stand = await RedisStand.start({ shards: SHARDS });
    ledger = await stand.ledger();
    for (const account of [A, B, C]) moved(await ledger.submit(transaction([[WORLD, account, BEGINNING]])));
  });
  afterEach(() => stand[Symbol.asyncDispose]());

  function where() {
    return { redisUrl: stand.server.url, minReplicas: 0, books: stand.books };
  }

  async function rows(): Promise<(readonly [number | undefined, number | undefined])[]> {
    const all = await Promise.all([A, B, C].map((id) => ledger.account(id)));
    return all.map((account) => [account?.balance, account?.held] as const);
  }

  async function keys(pattern: string): Promise<number> {
    const found = await stand.command(["KEYS", `razonete:*:${pattern}`]);
    return Array.isArray(found) ? found.length : Number.NaN;
  }

  async function isDecided(id: CommandId): Promise<boolean> {
    return (await stand.events(HOME)).some((event) => /^[tp] /.test(event) && event.includes(` ${id} `));
  }

  /** Until all that was left is completed by a process that does nothing else. */
  async function completed(): Promise<void> {
    const other = await stand.ledger({ completionMilliseconds: 10 });
    await eventually("nothing is open", async () => (await keys("part:*")) + (await keys("transits")) === 0);
    await other.close();
  }

  async function dieAt(
    death: Death,
    { command: newCommand, prepared, calls, moves }: Scenario,
  ): Promise<void> {
    const id: CommandId = `key:${death.call}-${death.isDone}`;
    const command = await newCommand(id);
    const before = await rows();
    const { balances } = await readMoment(stand);
    using api = await MortalApi.start(where(), death);
    const told = await api.across
      .decide(command, prepared ?? { type: "as-is" }, HOME, performance.now() + PATIENCE_MILLISECONDS)
      .catch((error: unknown) => error);

    const at = `${JSON.stringify(death)} of ${api.calls.join(", ")}`;
    const wasDecided = await isDecided(id);
    if (told instanceof LedgerUnavailable && told.outcome === "none")
      expect([at, wasDecided]).toEqual([at, false]);
    const moment = await readMoment(stand);
    expect([at, moment.balances + moment.inTransit, moment.overdrawn]).toEqual([at, balances, []]);
    expect(api.calls.length).toBeLessThanOrEqual(calls);

    await completed();
    expect([at, await isDecided(id)]).toEqual([at, wasDecided]);
    const after = moves === null || !wasDecided ? before : plus(before, moves);
    if (moves !== null)
      expect([at, (await rows()).map(([balance]) => balance)]).toEqual([
        at,
        after.map(([balance]) => balance),
      ]);

    const outcome = await ledger.submit(command);
    if (moves === null) {
      expect([at, outcome]).toMatchObject([at, { type: "refused", refusal: "limit-exceeded" }]);
      expect([at, await rows()]).toEqual([at, before]);
    } else {
      expect([at, outcome]).toMatchObject([at, { type: "accepted", replayed: wasDecided }]);
      expect([at, await rows()]).toEqual([at, plus(before, moves).map(([balance]) => [balance, 0])]);
    }
    expect(await keys("part:*")).toBe(0);
  }

  async function dieEverywhere(scenario: Scenario): Promise<void> {
    for (let call = 1; call <= scenario.calls; call += 1)
      for (const isDone of [false, true]) await dieAt({ call, isDone }, scenario);
    // It does not ask more than that, or there would be steps at which it never died.
    const id: CommandId = "key:alive";
    using api = await MortalApi.start(where(), { call: 1000, isDone: false });
    const command = await scenario.command(id);
    await api.across.decide(command, scenario.prepared ?? { type: "as-is" }, HOME, performance.now() + 5000);
    await eventually("it is done", () => api.across.idle && api.calls.length >= scenario.calls);
    expect(api.calls).toHaveLength(scenario.calls);
  }

  test("of a transfer to two shards", async () => {
    await dieEverywhere({
      calls: 6,
      command: (id) =>
        transaction(
          [
            [A, B, 5],
            [A, C, 7],
          ],
          { id },
        ),
      moves: [-12, 5, 7],
    });
  });

  test("of one with a condition on another shard", async () => {
    const conditions = [condition(C, "balance", 0)];
    await dieEverywhere({
      calls: 6,
      command: (id) => transaction([[A, B, 5]], { id, conditions }),
      moves: [-5, 5, 0],
    });
  });

  test("of one where another shard pays", async () => {
    await dieEverywhere({
      calls: 4,
      command: (id) =>
        transaction(
          [
            [A, B, 1],
            [B, A, 3],
          ],
          { id },
        ),
      moves: [2, -2, 0],
    });
  });

  test("of one that home refuses", async () => {
    await dieEverywhere({
      calls: 3,
      command: (id) => transaction([[A, B, TOO_MUCH]], { id }),
      moves: null,
    });
  });

  test("of one that another shard refuses", async () => {
    await dieEverywhere({
      calls: 4,
      command: (id) =>
        transaction(
          [
            [A, C, 1],
            [B, A, TOO_MUCH],
          ],
          { id },
        ),
      moves: null,
    });
  });

  test("of the capture of a hold", async () => {
    await dieEverywhere({
      calls: 4,
      command: async (id) => capture(held(await ledger.submit(hold(A, 5, { to: B }))).id, { id }),
      moves: [-5, 5, 0],
    });
  });

  test("of the capture of a hold in parts", async () => {
    const parts = [
      { to: B, amount: 1 },
      { to: C, amount: 2 },
    ];
    await dieEverywhere({
      calls: 6,
      command: async (id) => capture(held(await ledger.submit(hold(A, 5))).id, { id, parts }),
      moves: [-3, 1, 2],
    });
  });

  test("of a reversal", async () => {
    await dieEverywhere({
      calls: 4,
      command: async (id) => {
        const { transaction: made } = moved(await ledger.submit(transaction([[A, B, 5]])));
        return reversal(made.id, { id });
      },
      prepared: { type: "reversal", postings: oppositeOf([{ from: A, to: B, amount: 5 }]) },
      moves: [5, -5, 0],
    });
  });
});

function plus(
  rows: readonly (readonly [number | undefined, number | undefined])[],
  moves: readonly number[],
): (readonly [number, number | undefined])[] {
  return rows.map(([balance = 0, aside], index) => [balance + (moves[index] ?? 0), aside] as const);
}
