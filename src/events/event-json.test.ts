import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { WORLD } from "../ledger/account.ts";
import { eventJson, shownTo, viewOf } from "./event-json.ts";
import { accountsOf, EVENT_TYPES, type PublicEvent } from "./public-event.ts";

const OWN = "acme:";
const SECRET = "told to nobody else";
const TIME = 1_700_000_000_123_456;

const own = fc.constantFrom("acme:a", "acme:b");
const foreign = fc.constantFrom("other:x", "acm", "zz:acme:a");
const account = fc.oneof(own, foreign);
const party = fc.oneof(account, fc.constant(WORLD));
const amount = fc.integer({ min: 1, max: 1_000_000 });

function stateOf(id: string) {
  const amounts = { creditLimit: 5, balance: 17, held: 3, seq: 2 };
  return { id, unit: "BRL/2", state: "open", ...amounts, time: TIME, openedAt: TIME - 1 } as const;
}

function statesOf(parties: readonly string[]) {
  return [...new Set(parties)].filter((id) => id !== WORLD).map(stateOf);
}

const details = { description: "a\nb", reference: "r-1", metadata: { note: SECRET } };

const posting = fc
  .record({ from: party, to: party, amount })
  .filter(({ from, to }) => from !== to && !(from === WORLD && to === WORLD));
const postings = fc.array(posting, { minLength: 1, maxLength: 5 });

const events: fc.Arbitrary<PublicEvent> = fc
  .record({ type: fc.constantFrom(...EVENT_TYPES), account, to: party, postings, moved: fc.boolean() })
  .map(({ type, account: from, to, postings: moves, moved }): PublicEvent => {
    const common = { id: "e0-7-1-123456", place: { shard: 0, g: 7, index: 1 }, time: TIME };
    switch (type) {
      case "account.opened":
      case "account.changed":
        return { ...common, type, account: { ...stateOf(from), name: SECRET, metadata: details.metadata } };
      case "transaction.created": {
        const made = {
          id: "t0-7-1-123456",
          postings: moves,
          ...details,
          reverses: "t0-1-1-1",
          hold: "h0-2-2-2",
        };
        const accounts = statesOf(moves.flatMap((one) => [one.from, one.to]));
        return { ...common, type, transaction: { ...made, time: TIME }, accounts };
      }
      case "hold.created":
      case "hold.captured":
      case "hold.released":
      case "hold.expired": {
        const captured = type === "hold.captured" && moved ? 40 : 0;
        const transaction = captured > 0 ? "t0-7-1-123456" : null;
        const amounts = { amount: 777_777, captured, expiresAt: TIME, time: TIME };
        const hold = {
          id: "h0-6-0-1",
          state: "open",
          from,
          to,
          ...amounts,
          ...details,
          transaction,
        } as const;
        if (type !== "hold.captured") return { ...common, type, hold, accounts: [stateOf(from)] };
        const done = captured > 0 ? [{ from, to, amount: captured }] : [];
        return { ...common, type, hold, accounts: statesOf([from, to]), postings: done };
      }
    }
  });

describe("an event as JSON", () => {
  test("is JSON of one line, with id, type, time and data", () => {
    fc.assert(
      fc.property(events, (event) => {
        const json = eventJson(event);
        expect(json).not.toContain("\n");
        const read: unknown = JSON.parse(json);
        expect(read).toMatchObject({ id: event.id, type: event.type, at: "2023-11-14T22:13:20.123456Z" });
      }),
    );
  });

  test("of a capture has the hold, the accounts and what was moved", () => {
    const [event] = fc.sample(
      events.filter((one) => one.type === "hold.captured" && one.postings.length > 0),
      { numRuns: 1, seed: 3 },
    );
    if (event?.type !== "hold.captured") throw new Error("none was made");
    const { data } = parsed(eventJson(event));
    expect(data).toMatchObject({
      id: "h0-6-0-1",
      captured: 40,
      transaction: "t0-7-1-123456",
      postings: [{ from: event.hold.from, to: event.hold.to, amount: 40 }],
    });
    expect(Object.keys(data.accounts ?? {})).toEqual(event.accounts.map(({ id }) => id));
  });
});

describe("what a key sees that is bound to a beginning", () => {
  test("names no account of somebody else, and tells no metadata of what is not its own alone", () => {
    fc.assert(
      fc.property(events, (event) => {
        const shown = shownTo(OWN, event);
        if (shown === null) return;
        expect(shown).toContain('"acme:');
        const foreignOnes = partiesOf(event).filter((id) => id !== WORLD && !id.startsWith(OWN));
        for (const id of foreignOnes) expect(shown).not.toContain(`"${id}"`);
        if (foreignOnes.length === 0) expect(shown).toBe(eventJson(event));
        else expect(shown).not.toContain(SECRET);
      }),
    );
  });

  test("is nothing where no account is its own, and something where one is paid or pays", () => {
    fc.assert(
      fc.property(events, (event) => {
        const shown = shownTo(OWN, event);
        const isPaid = postingsOf(event).some(({ from, to }) => from.startsWith(OWN) || to.startsWith(OWN));
        const isItsHold = "hold" in event && event.hold.from.startsWith(OWN);
        const isItsAccount = "account" in event && event.account.id.startsWith(OWN);
        expect(shown !== null).toBe(isPaid || isItsHold || isItsAccount);
      }),
    );
  });

  test("has nothing of a hold of somebody else but the payment", () => {
    fc.assert(
      fc.property(events, (event) => {
        if (!("hold" in event) || event.hold.from.startsWith(OWN)) return;
        const view = viewOf(OWN, event);
        if (view === null) return;
        expect(view.type).toBe("transaction.created");
        expect(view.json).not.toContain("h0-6-0-1");
        expect(view.json).not.toContain("777777");
        expect(parsed(view.json).data).toMatchObject({ id: "t0-7-1-123456", hold: null, metadata: {} });
      }),
    );
  });

  test("is all of it where it is bound to nothing", () => {
    fc.assert(fc.property(events, (event) => expect(shownTo("", event)).toBe(eventJson(event))));
  });
});

describe("the events of a transaction across shards, one of each shard", () => {
  const move = { from: "acme:a", to: "other:x", amount: 5 };
  const more = { from: "acme:a", to: "acme:b", amount: 7 };
  const at = (shard: number) => ({ id: `e${shard}-7-1-9`, place: { shard, g: 7, index: 1 }, time: TIME });
  const made = { id: "t0-7-1-9", ...details, reverses: null, hold: null, time: TIME };
  const payment = (shard: number, ...accounts: readonly string[]): PublicEvent => ({
    ...at(shard),
    type: "transaction.created",
    transaction: { ...made, postings: [move, more] },
    accounts: accounts.map(stateOf),
  });

  test("each touch the accounts of their own shard alone", () => {
    expect(accountsOf(payment(0, "acme:a"))).toEqual(["acme:a"]);
    expect(accountsOf(payment(1, "other:x"))).toEqual(["other:x"]);
  });

  test("are shown to a key where its own accounts are", () => {
    const [home, other, third] = [payment(0, "acme:a"), payment(1, "other:x"), payment(2, "acme:b")];
    expect(shownTo("other:", home)).toBeNull();
    expect(shownTo("other:", third)).toBeNull();
    expect(parsed(shownTo("other:", other) ?? "{}").data).toMatchObject({
      id: "t0-7-1-9",
      postings: [{ from: null, to: "other:x", amount: 5 }],
      accounts: { "other:x": {} },
    });
    expect(shownTo(OWN, other)).toBeNull();
    for (const event of [home, third]) expect(shownTo(OWN, event)).toContain('"id":"t0-7-1-9"');
  });

  test("a capture for another shard is shown to who is paid by that shard's event", () => {
    const amounts = { amount: 9, captured: 5, expiresAt: TIME, time: TIME };
    const hold = { id: "h0-1-1-1", state: "captured", from: "acme:a", to: "other:x", ...amounts } as const;
    const captured = { ...hold, ...details, transaction: "t0-7-1-9" };
    const event = { ...at(0), type: "hold.captured", hold: captured, postings: [move] } as const;
    expect(shownTo("other:", { ...event, accounts: [stateOf("acme:a")] })).toBeNull();
    expect(viewOf("other:", { ...event, accounts: [stateOf("acme:a"), stateOf("other:x")] })?.type).toBe(
      "transaction.created",
    );
  });
});

test("all accounts of an event are told once, without the outside", () => {
  fc.assert(
    fc.property(events, (event) => {
      const accounts = accountsOf(event);
      expect(new Set(accounts)).toEqual(new Set(partiesOf(event).filter((id) => id !== WORLD)));
      expect(new Set(accounts).size).toBe(accounts.length);
    }),
  );
});

function postingsOf(event: PublicEvent) {
  if (event.type === "transaction.created") return event.transaction.postings;
  return event.type === "hold.captured" ? event.postings : [];
}

function partiesOf(event: PublicEvent): string[] {
  if ("account" in event) return [event.account.id];
  const moved = postingsOf(event).flatMap(({ from, to }) => [from, to]);
  return "hold" in event ? [event.hold.from, event.hold.to, ...moved] : moved;
}

interface Parsed {
  readonly data: { readonly accounts?: object };
}

function parsed(json: string): Parsed {
  const read: Parsed = JSON.parse(json);
  return read;
}
