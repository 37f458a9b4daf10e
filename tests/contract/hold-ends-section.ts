import { expect, test } from "bun:test";
import type { Command } from "../../src/ledger/command.ts";
import type { Outcome } from "../../src/ledger/ledger.ts";
import type { EventId } from "../../src/ledger/transaction.ts";
import { eventually } from "../support/eventually.ts";
import {
  accepted,
  because,
  capture,
  held,
  hold,
  moved,
  open,
  refused,
  release,
  resultOf,
  type Skips,
  transact,
  transaction,
} from "../support/ledger/commands.ts";
import type { Moves } from "../support/ledger/moves.ts";

/** Of capture, release and expiry exactly one happens. */
export function holdEndsSection(the: () => Moves, skips: Skips): void {
  test("whatever ended it, nothing ends it again", async () => {
    const { ledger, account, pass } = the();
    const a = await account(0, 100);
    const ends: [string, (of: EventId) => Promise<Outcome | null>][] = [
      ["captured", (of) => ledger.submit(capture(of, { amount: 1 }))],
      ["captured", (of) => ledger.submit(capture(of, { amount: 0 }))],
      ["released", (of) => ledger.submit(release(of))],
      ["expired", () => pass(1).then(() => null)],
    ];
    const ended = async (end: (of: EventId) => Promise<Outcome | null>): Promise<EventId> => {
      for (;;) {
        const asked = performance.now();
        const { id } = held(await ledger.submit(hold(a, 10, { expiresInSeconds: 1 })));
        const outcome = await end(id);
        // Another one, where the machine stood still until this one had expired.
        if (outcome?.type !== "refused" || performance.now() - asked < 1_000) return id;
      }
    };
    for (const [state, end] of ends) {
      const id = await ended(end);
      const notOpen = refused("hold-not-open", { other: state });
      expect(await ledger.submit(capture(id))).toEqual(notOpen);
      expect(await ledger.submit(capture(id, { amount: 0 }))).toEqual(notOpen);
      expect(await ledger.submit(release(id))).toEqual(notOpen);
      await pass(1);
      expect(await ledger.submit(release(id))).toEqual(notOpen);
      expect(await ledger.hold(id)).toMatchObject({ state });
      expect(await ledger.account(a)).toMatchObject({ held: 0 });
    }
    expect(await ledger.account(a)).toMatchObject({ balance: 99, seq: 2 });
  });

  test("it goes to any account, also one whose id is no more than a sign", async () => {
    const { ledger, account } = the();
    const a = await account(0, 100);
    resultOf(await ledger.submit(open(0, { account: "-" })));
    for (const options of [{ to: "-" }, { parts: [{ to: "-", amount: 10 }] }]) {
      const { id } = held(await ledger.submit(hold(a, 10)));
      resultOf(await ledger.submit(capture(id, options)));
    }
    expect(await ledger.account("-")).toMatchObject({ balance: 20 });
    expect(await ledger.account(a)).toMatchObject({ balance: 80, held: 0 });
  });

  test("what is no hold has no end", async () => {
    const { ledger, account } = the();
    const a = await account(0);
    const { id } = moved(await ledger.submit(transaction([["@world", a, 1]]))).transaction;
    for (const unknown of [id, "h0-999999-0-0", "nonsense", "", a]) {
      expect(await ledger.submit(capture(unknown))).toEqual(refused("hold-unknown"));
      expect(await ledger.submit(release(unknown))).toEqual(refused("hold-unknown"));
      expect(await ledger.hold(unknown)).toBeNull();
    }
  });

  test("of captures and releases at once, one happens", async () => {
    const { ledger, account } = the();
    const a = await account(0, 1000);
    for (let race = 0; race < 20; race += 1) {
      const { id } = held(await ledger.submit(hold(a, 10)));
      const commands: Command[] = Array.from({ length: 10 }, (_, index) =>
        (index + race) % 2 === 0 ? capture(id, { amount: 7 }) : release(id),
      );
      const outcomes = await Promise.all(commands.map((command) => ledger.submit(command)));
      const done = outcomes.filter(({ type }) => type === "accepted");
      expect(done).toHaveLength(1);
      const { state } = done[0] === undefined ? { state: "" } : held(done[0]);
      for (const outcome of outcomes)
        if (outcome.type === "refused") expect(outcome).toEqual(refused("hold-not-open", { other: state }));
    }
    expect((await ledger.account(a))?.held).toBe(0);
  });

  const moment = "an expired hold is free at its very moment, and not a microsecond before";
  test.skipIf(skips.clock !== undefined)(because(moment, skips.clock), async () => {
    const { ledger, account, advanceClock } = the();
    const a = await account(0, 50);
    const { id } = held(await ledger.submit(hold(a, 50, { expiresInSeconds: 10 })));
    advanceClock(9.999_999);
    expect(await ledger.submit(transact(a, "debit", 1))).toEqual(refused("limit-exceeded", { account: a }));
    expect(await ledger.hold(id)).toMatchObject({ state: "open" });
    advanceClock(0.000_001);
    expect(accepted(await ledger.submit(transact(a, "debit", 50)))).toMatchObject({ balance: 0 });
    expect(await ledger.hold(id)).toMatchObject({ state: "expired" });
  });

  test.skipIf(skips.clock !== undefined)(
    because("a capture is in time until that moment", skips.clock),
    async () => {
      const { ledger, account, advanceClock } = the();
      const a = await account(0, 50);
      const make = async () => held(await ledger.submit(hold(a, 10, { expiresInSeconds: 10 }))).id;
      const [one, two] = [await make(), await make()];
      advanceClock(9.999_999);
      resultOf(await ledger.submit(capture(one)));
      advanceClock(0.000_001);
      expect(await ledger.submit(capture(two))).toEqual(refused("hold-not-open", { other: "expired" }));
      expect(await ledger.account(a)).toMatchObject({ balance: 40, held: 0 });
    },
  );

  test.skipIf(skips.clock !== undefined)(
    because("many that are due end before the next decision, each once", skips.clock),
    async () => {
      const { ledger, account, advanceClock } = the();
      const a = await account(0, 1000);
      const holds = await Promise.all(
        Array.from({ length: 500 }, (_, index) =>
          ledger.submit(hold(a, 2, { expiresInSeconds: 1 + (index % 7) })),
        ),
      );
      expect(await ledger.account(a)).toMatchObject({ held: 1000 });
      advanceClock(7);
      const outcomes = await Promise.all([
        ledger.submit(transact(a, "debit", 1000)),
        ...holds.map((outcome) => ledger.submit(release(held(outcome).id))),
      ]);
      expect(outcomes.shift()).toMatchObject({ type: "accepted", result: { account: { balance: 0 } } });
      for (const outcome of outcomes) expect(outcome).toEqual(refused("hold-not-open", { other: "expired" }));
      expect(await ledger.account(a)).toMatchObject({ balance: 0, held: 0 });
    },
  );

  test.skipIf(skips.clock !== undefined)(
    because("the ledger's time does not go back with its clock", skips.clock),
    async () => {
      const { ledger, account, advanceClock } = the();
      const a = await account(0, 50);
      const { id, time } = held(await ledger.submit(hold(a, 10, { expiresInSeconds: 10 })));
      advanceClock(-3600);
      const made = held(await ledger.submit(hold(a, 10, { expiresInSeconds: 10 })));
      expect(made.time).toBeGreaterThanOrEqual(time);
      const { transaction: done } = moved(await ledger.submit(transaction([["@world", a, 1]])));
      expect(done.time).toBeGreaterThanOrEqual(made.time);
      advanceClock(3609.999_999);
      expect(await ledger.hold(id)).toMatchObject({ state: "open" });
      advanceClock(0.000_001);
      expect(accepted(await ledger.submit(transact(a, "debit", 51)))).toMatchObject({ balance: 0 });
    },
  );

  test("a hold expires where nobody asks", async () => {
    const { ledger, account, pass } = the();
    const a = await account(0, 50);
    const { id } = held(await ledger.submit(hold(a, 50, { expiresInSeconds: 1 })));
    await pass(1);
    await eventually("the hold is expired", async () => (await ledger.hold(id))?.state === "expired");
    expect(await ledger.account(a)).toMatchObject({ balance: 50, held: 0, seq: 1 });
  });

  test("under a key, the end that a hold had is told again", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(0, 100), await account(0)];
    const holding = hold(a, 10, { id: "key:hold", reference: "r", metadata: { a: "1" } });
    const made = await ledger.submit(holding);
    const other = held(await ledger.submit(hold(a, 10)));
    const capturing = capture(held(made).id, { id: "key:capture", amount: 12, to: b });
    const captured = await ledger.submit(capturing);
    const releasing = release(other.id, "key:release");
    const released = await ledger.submit(releasing);
    const late = release(held(made).id, "key:late");
    const tooLate = await ledger.submit(late);
    resultOf(await ledger.submit(transact(a, "debit", 5)));
    expect(await ledger.submit(holding)).toEqual({ ...made, replayed: true });
    expect(await ledger.submit(capturing)).toEqual({ ...captured, replayed: true });
    expect(await ledger.submit(releasing)).toEqual({ ...released, replayed: true });
    expect(await ledger.submit(late)).toEqual({ ...tooLate, replayed: true });
    for (const reused of [
      { ...holding, amount: 11 },
      { ...holding, expiresInSeconds: 1 },
      { ...capturing, amount: 11 },
      { ...capturing, to: null },
      { ...capturing, amount: null, to: null, parts: [{ to: b, amount: 12 }] },
      release(held(made).id, "key:capture"),
    ])
      expect(await ledger.submit(reused)).toEqual(refused("key-reused"));
    expect(await ledger.account(a)).toMatchObject({ balance: 83, held: 0 });
  });
}
