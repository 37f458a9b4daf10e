import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { z } from "zod";
import { FUNCTION_VERSION } from "../../src/decide/fence.ts";
import { argumentsOf, parseAnswer } from "../../src/decide/function-codec.ts";
import { captureAcrossArguments, holdAwayArguments } from "../../src/decide/transits/transit-arguments.ts";
import type { Account } from "../../src/ledger/account.ts";
import { parseEvent } from "../../src/ledger/event.ts";
import { capture, hold } from "../support/ledger/commands.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis } from "../support/redis-under-test.ts";
import { transactionFrom } from "../support/transits/shard-calls.ts";
import { ATTEMPT, aToB, HOME, OTHER, toldOfB, twoShards } from "./support/two-shards.ts";

/** Holds that are paid to other shards, and what shards keep of what is in transit: as they tell it, full, and loaded. */

failOnLeaks();
setDefaultTimeout(60_000);

describeWithRedis("what is in transit, in Redis", () => {
  const the = twoShards();
  const { prepare, ask, finish, read, keys, lastEvent } = the;

  test("a part that is open is told by its key, and found with the oldest first", async () => {
    await prepare(aToB, ["b"]);
    await prepare(aToB, ["b"], "0-two");
    const [first] = (await the.stand.events(OTHER)).slice(-2);
    expect(await read(OTHER, "q", ATTEMPT)).toEqual([String(first)]);
    expect(await read(OTHER, "q", "0-three")).toBeNull();
    expect(await read(OTHER, "o", "10")).toEqual([ATTEMPT, "0-two"]);
    expect(await read(OTHER, "o", "1")).toEqual([ATTEMPT]);
    // An account is shown without what is in transit, but for what is held.
    expect((await read(OTHER, "a", "b"))?.[0]).toMatch(/^0 0 0 0 \d+ BRL\/2 open \d+$/);
    expect((await read(OTHER, "k", "b"))?.[0]).toMatch(/ open \d+ 2 0 80 0$/);
    await the.stand.command(["DEL", ...(await keys("seen:*"))]);
    expect(await prepare(aToB, ["b"])).toMatchObject({ type: "prepared", event: { attempt: ATTEMPT } });
    expect(await the.stand.events(OTHER)).toHaveLength(4);
  });

  describe("a hold whose to is on another shard", () => {
    async function held(): Promise<string> {
      const command = hold("a", 60, { to: "b", description: "stay" });
      const text = await the.calls.raw(HOME, holdAwayArguments(command, { state: "open", unit: "BRL/2" }));
      const answer = parseAnswer(text, command, HOME);
      if (answer.type !== "accepted" || answer.result.type !== "hold") throw new Error(text);
      expect(answer.result.hold).toMatchObject({ to: "b", amount: 60, description: "stay" });
      return answer.result.hold.id;
    }

    test("is refused as one whose to is here", async () => {
      const refusal = async (to: Pick<Account, "unit"> & { state: "closed" | "open" | "unknown" }) => {
        const command = hold("a", 60, { to: "b" });
        return parseAnswer(await the.calls.raw(HOME, holdAwayArguments(command, to)), command, HOME);
      };
      expect(await refusal({ state: "unknown", unit: "" })).toMatchObject({
        refusal: "account-unknown",
        account: "b",
      });
      expect(await refusal({ state: "closed", unit: "BRL/2" })).toMatchObject({ refusal: "account-closed" });
      expect(await refusal({ state: "open", unit: "A" })).toMatchObject({ refusal: "unit-mismatch" });
    });

    test("is captured across shards", async () => {
      const id = await held();
      const command = capture(id, { amount: 50 });
      expect(await the.calls.submit(HOME, command)).toEqual({ type: "across" });
      const postings = [{ from: "a", to: "b", amount: 50 }];
      await prepare(postings, ["b"]);
      const text = await the.calls.raw(HOME, captureAcrossArguments(command, ATTEMPT, toldOfB));
      const answer = parseAnswer(text, command, HOME);
      if (answer.type !== "accepted" || !("decided" in answer)) throw new Error(text);
      expect(answer.result).toMatchObject({
        hold: { id, state: "captured", captured: 50, transaction: answer.decided.transaction },
        account: { balance: -50, held: 0 },
      });
      expect(answer.decided).toMatchObject({ attempt: ATTEMPT, shards: [OTHER], hold: id });
      const { hold: of } = answer.decided;
      expect(await the.calls.ask(OTHER, { ...answer.decided, type: "finish" })).toMatchObject({
        event: { hold: of, accounts: [{ balance: 50 }] },
      });
      expect(parseEvent(await lastEvent(HOME))).toMatchObject({
        type: "capture",
        description: "stay",
        across: { attempt: ATTEMPT, shards: [OTHER] },
      });
      // Once: another attempt finds it ended, and is out of the running.
      const again = capture(id);
      const late = await the.calls.raw(HOME, captureAcrossArguments(again, "0-two", toldOfB));
      expect(parseAnswer(late, again, HOME)).toMatchObject({ refusal: "hold-not-open", other: "captured" });
      expect(await ask("ask", HOME, "0-two")).toEqual({ type: "abandoned" });
    });

    test("of which nothing is taken, it is captured here", async () => {
      expect(await the.calls.submit(HOME, capture(await held(), { amount: 0 }))).toMatchObject({
        result: { hold: { state: "captured", captured: 0, transaction: null } },
      });
    });
  });

  test("where the outbox is full nothing begins, and what has begun is ended", async () => {
    await prepare(aToB, ["b"]);
    await prepare(aToB, ["b"], "0-two");
    const command = transactionFrom("key:k", { postings: aToB, conditions: [] });
    the.calls.outboxMax = 1;
    expect(await prepare(aToB, ["b"], "0-three")).toEqual({ type: "full" });
    expect(await the.calls.raw(HOME, argumentsOf(command, { type: "as-is" }))).toBe("#");
    expect(await ask("ask", HOME, "0-two")).toEqual({ type: "abandoned" });
    expect(await ask("undo", OTHER, "0-two")).toMatchObject({ type: "ended" });
    expect(await finish()).toMatchObject({ type: "ended" });
  });

  test("loaded from the books it goes on where it was", async () => {
    await prepare(aToB, ["b"]);
    await the.calls.decide(
      HOME,
      transactionFrom("key:k", { postings: aToB, conditions: [] }),
      ATTEMPT,
      toldOfB,
    );
    const part = await lastEvent(OTHER);
    const decided = await ask("ask", HOME);
    if (decided.type !== "decided") throw new Error(decided.type);
    const rows = new Map<number, string>();
    for (const [shard, account] of [
      [HOME, "a"],
      [OTHER, "b"],
    ] as const)
      rows.set(
        shard,
        z.string().parse(await the.stand.command(["GET", `razonete:{${shard}}:account:${account}`])),
      );
    await the.stand.command(["FLUSHALL"]);
    await the.stand.call(
      "razonete_load",
      [
        "a",
        "a",
        rows.get(HOME) ?? "",
        "h ",
        "y",
        ATTEMPT,
        "1",
        decided.transaction,
        String(decided.decidedAt),
        "-",
      ],
      HOME,
    );
    await the.stand.call("razonete_load", ["a", "b", rows.get(OTHER) ?? "", "h ", "q", ATTEMPT, part], OTHER);
    for (const shard of [HOME, OTHER])
      await the.stand.command([
        "HSET",
        `razonete:{${shard}}:head`,
        "epoch",
        the.stand.books.epoch,
        "version",
        FUNCTION_VERSION,
        "shards",
        "2",
        "g",
        "9",
      ]);
    expect(await ask("ask", HOME)).toEqual(decided);
    expect(await read(HOME, "y", "1")).toEqual([`${ATTEMPT} 1`]);
    expect(await read(OTHER, "o", "1")).toEqual([ATTEMPT]);
    expect(await the.calls.row(OTHER, "b")).toMatchObject({ more: "1 0 40 0" });
    expect(await finish()).toMatchObject({ event: { accounts: [{ id: "b", balance: 40 }] } });
    expect(await the.calls.row(OTHER, "b")).toMatchObject({ more: "" });
  });

  test("the user of an API may end parts, and where it may not, nothing is changed", async () => {
    await prepare(aToB, ["b"]);
    const before = await the.calls.row(OTHER, "b");
    await the.stand.command(["ACL", "SETUSER", "default", "-unlink"]);
    const refused = await finish().then(String, String);
    await the.stand.command(["ACL", "SETUSER", "default", "+@all"]);
    expect(refused).toContain("NOPERM the user of the ledger may not use UNLINK");
    expect(await the.calls.row(OTHER, "b")).toEqual(before);
    expect(await finish()).toMatchObject({ type: "ended" });
  });
});
