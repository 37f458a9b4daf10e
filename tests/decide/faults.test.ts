import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { bounds } from "../../src/bounds.ts";
import type { Command } from "../../src/ledger/command.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { LedgerUnavailable } from "../../src/ledger/ledger.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { admitted, describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { exchange } from "../support/servers/server-process.ts";
import { TcpProxy } from "../../proof/torture/faults/tcp-proxy.ts";
import {
  type Answered,
  credit,
  debit,
  expectAppliedOnce,
  settle,
  submitted,
} from "../support/ledger/settling.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const seed = testSeed();

describeWithRedis(`faults between ledger and Redis, seed ${seed}`, () => {
  let stand: RedisStand;
  let random: Random;
  beforeEach(async () => {
    stand = await RedisStand.start();
    random = new Random(seed);
  });
  afterEach(() => stand[Symbol.asyncDispose]());

  /** Some 40 commands are always on their way, until told to stop; then all of them are settled. */
  function underLoad(ledgers: readonly Ledger[]): {
    stop(): Promise<Answered[]>;
    readonly answers: Answered[];
  } {
    const answers: Answered[] = [];
    const state = { stopped: false };
    const worker = async (): Promise<void> => {
      while (!state.stopped) {
        const account = String(random.integer(1, 3));
        const value = random.integer(1, 5_000);
        const command: Command = random.chance(40) ? credit(account, value) : debit(account, value * 2);
        answers.push(await settle(random.pick(ledgers), command));
        await Bun.sleep(1);
      }
    };
    const workers = Array.from({ length: 40 }, worker);
    return {
      answers,
      stop: async () => {
        state.stopped = true;
        await Promise.all(workers);
        return answers;
      },
    };
  }

  async function answered(load: { readonly answers: Answered[] }, more: number): Promise<void> {
    const enough = load.answers.length + more;
    await eventually(`${more} more answers`, () => load.answers.length >= enough);
  }

  test("Redis is killed under load, again and again: every command is answered, and applied once", async () => {
    const load = underLoad([await stand.ledger(), await stand.ledger()]);
    for (let round = 0; round < 4; round += 1) {
      await answered(load, 200);
      await stand.crash();
    }
    await answered(load, 200);
    expectAppliedOnce(await load.stop(), await stand.events());
  });

  test("replies are lost and connections cut at any byte, under load: applied once", async () => {
    await using proxy = await TcpProxy.start(stand.server.process.port);
    const load = underLoad([await stand.ledger({ redisUrl: proxy.url }), await stand.ledger()]);
    for (let round = 0; round < 25; round += 1) {
      await answered(load, 40);
      if (random.chance(30)) proxy.cut();
      else proxy.loseReplyAfter(random.integer(0, 3_000));
    }
    await answered(load, 40);
    expect(proxy.losses).toBeGreaterThan(3);
    expectAppliedOnce(await load.stop(), await stand.events());
  });

  test("one command whose reply is lost is answered all the same, as often as that happens", async () => {
    await using proxy = await TcpProxy.start(stand.server.process.port);
    const ledger = await stand.ledger({ redisUrl: proxy.url });
    // Before its first byte, in the middle of it, before its last one.
    for (const [index, bytes] of [0, 1, 30, 90].entries()) {
      proxy.loseReplyAfter(bytes);
      expect(await ledger.submit(debit("1", 10))).toMatchObject({
        type: "accepted",
        result: { account: { seq: index + 1, balance: -10 * (index + 1) } },
      });
      await eventually("the connection is back", () => admitted(ledger));
    }
    expect(proxy.losses).toBe(4);
    expect(await stand.events()).toHaveLength(4);
  });

  test("two ledgers, a bad network: of 1,000 debits with room for 600, exactly 600", async () => {
    await using proxy = await TcpProxy.start(stand.server.process.port);
    const ledgers = [await stand.ledger({ redisUrl: proxy.url }), await stand.ledger()] as const;
    await ledgers[0].submit({ type: "change", id: "req:limit", account: "1", creditLimit: 600 });
    const settling = Promise.all(
      Array.from({ length: 1000 }, (_, index) => settle(ledgers[index % 2 === 0 ? 0 : 1], debit("1"))),
    );
    // In the middle of a reply that tells of some 100 of them.
    proxy.loseReplyAfter(random.integer(100, 10_000));
    const outcomes = (await settling).map(({ outcome }) => outcome);
    const balances = outcomes.flatMap((outcome) =>
      outcome.type === "accepted" && "account" in outcome.result ? [outcome.result.account.balance] : [],
    );
    expect(new Set(balances).size).toBe(600);
    expect(balances).toHaveLength(600);
    expect(proxy.losses).toBe(1);
    expect(await ledgers[1].account("1")).toMatchObject({ balance: -600, seq: 600 });
  });

  test("Redis is away longer than the deadline: whether a command was sent decides what is known", async () => {
    const ledger = await stand.ledger();
    const behindBalancer = await stand.ledger({ balancerResends: true });
    const commands = [debit("1"), debit("1"), debit("1"), debit("1")] as const;
    const frozenAt = performance.now();
    stand.server.process.signal("SIGSTOP");
    const sent = [submitted(ledger, commands[0]), submitted(behindBalancer, commands[1])];
    // Long enough for the call to leave this process, and it is on its way by then.
    await Bun.sleep(100);
    await stand.server.process.kill();
    await Bun.sleep(100);
    const unsent = [submitted(ledger, commands[2]), submitted(behindBalancer, commands[3])];
    const reading = ledger.account("1").catch((error: unknown) => error);
    const state = ledger.readiness();
    // The machine may have stood still for that long.
    if (performance.now() - frozenAt < bounds.decision_milliseconds_max)
      expect(state).toEqual({ ready: true });
    expect((await Promise.all([...sent, ...unsent])).map(outcomeOf)).toEqual([
      "unknown",
      "unknown",
      "none",
      "unknown",
    ]);
    expect(await reading).toMatchObject({ outcome: "none" });
    await eventually("it is not ready", () => !ledger.readiness().ready);
    expect(ledger.readiness()).toEqual({ ready: false, reason: "Redis does not answer" });
    expect(await stand.books.fence()).not.toBeNull();

    await stand.server.process.start();
    await eventually("it is back", () => admitted(ledger));
    const answers = await Promise.all(commands.map((command) => settle(ledger, command)));
    expectAppliedOnce(answers, await stand.events());
    expect(await ledger.account("1")).toMatchObject({ balance: -4, seq: 4 });
  });

  test("Redis freezes: unknown after the deadline; the same id tells, and it was applied once", async () => {
    const ledger = await stand.ledger();
    const [first, behind] = [debit("1", 100), debit("1", 100)];
    stand.server.process.signal("SIGSTOP");
    const frozen = submitted(ledger, first);
    await Bun.sleep(50);
    const waiting = submitted(ledger, behind);
    const reading = ledger.statement("1").catch((error: unknown) => error);
    expect(outcomeOf(await frozen)).toBe("unknown");
    // It waited for the call before it, and was in none.
    expect(outcomeOf(await waiting)).toBe("none");
    expect(await reading).toMatchObject({ name: "LedgerUnavailable", outcome: "none" });
    stand.server.process.signal("SIGCONT");
    expect((await settle(ledger, first)).outcome).toMatchObject({ type: "accepted", replayed: true });
    expect(await ledger.account("1")).toMatchObject({ balance: -100, seq: 1 });
  });

  test("a frozen Redis applies later what was sent to it over a connection that is gone", async () => {
    await using proxy = await TcpProxy.start(stand.server.process.port);
    const ledger = await stand.ledger({ redisUrl: proxy.url });
    const command = debit("1", 100);
    stand.server.process.signal("SIGSTOP");
    const frozen = submitted(ledger, command);
    await Bun.sleep(100);
    proxy.cut();
    expect(outcomeOf(await frozen)).toBe("unknown");
    stand.server.process.signal("SIGCONT");
    expect((await settle(ledger, command)).outcome).toMatchObject({ type: "accepted", replayed: true });
    expect(await stand.events()).toHaveLength(1);
  });

  test("Redis is busy with somebody's script: refused calls are made again, and it is admitted again", async () => {
    const ledger = await stand.ledger();
    await stand.command(["CONFIG", "SET", "busy-reply-threshold", "10"]);
    const script = stand.command(["EVAL", "while true do end", "0"]).catch(() => null);
    await Bun.sleep(100);
    const frozen = submitted(ledger, debit("1", 100));
    // Longer than it takes until the client's own ping is refused, too.
    expect(outcomeOf(await frozen)).toBe("none");
    expect(await exchange(stand.server.process.port, "SCRIPT KILL\r\n", 20_000)).toStartWith("+OK");
    await script;
    await eventually("it is back", () => admitted(ledger));
    expect(await ledger.submit(debit("1", 100))).toMatchObject({
      type: "accepted",
      result: { account: { balance: -100 } },
    });
  });

  test("a full outbox refuses what is new, answers what was decided, and drains", async () => {
    const ledger = await stand.ledger({ outboxBatchesMax: 3 });
    const behindBalancer = await stand.ledger({ outboxBatchesMax: 3, balancerResends: true });
    const commands = [debit("1"), debit("1"), debit("1")];
    for (const command of commands) await ledger.submit(command);
    const late = debit("1");
    expect(outcomeOf(await submitted(ledger, late))).toBe("none");
    // The function itself said so.
    expect(outcomeOf(await submitted(behindBalancer, late))).toBe("none");
    for (const command of commands) expect(await ledger.submit(command)).toMatchObject({ replayed: true });
    expect((await ledger.statement("1"))?.entries).toHaveLength(3);
    await stand.books.keep(0, 1);
    expect(await ledger.submit(late)).toMatchObject({
      type: "accepted",
      replayed: false,
      result: { account: { seq: 4 } },
    });
    expect(outcomeOf(await submitted(ledger, debit("1")))).toBe("none");
  });
});

function outcomeOf(result: unknown): string {
  return result instanceof LedgerUnavailable ? result.outcome : JSON.stringify(result);
}
