import { describe, expect, test } from "bun:test";
import type { AccountId, AccountState } from "../ledger/account.ts";
import { formatEvent, type LedgerEvent } from "../ledger/event.ts";
import type { Place } from "../ledger/event-results.ts";
import type { AccountFacts, JournalSource, KeptRow } from "./journal-source.ts";
import { PublicEvents } from "./to-public-events.ts";

const ID = "req:1";
const T = 1_700_000_000_000_000;
const DETAILS = { description: "rent", reference: null, metadata: { a: "1" } };

function state(id: AccountId, balance = 0): AccountState {
  const amounts = { creditLimit: 10, balance, held: 0, seq: 1 };
  return { id, unit: "BRL/2", state: "open", ...amounts, time: T, openedAt: T - 5 };
}

const hold = {
  type: "hold",
  time: T + 1,
  to: "b",
  amount: 9,
  expiresAt: T + 1_000_000,
  account: state("a"),
  id: ID,
  content: null,
  ...DETAILS,
} as const;

function row(g: number, ...events: readonly LedgerEvent[]): KeptRow {
  return { shard: 2, g, time: T, hash: new Uint8Array(32), events: events.map(formatEvent) };
}

const entry = (account: AccountId): LedgerEvent => ({
  type: "entry",
  entry: { account, seq: 4, time: T + 2, kind: "debit", value: 3, balance: -3, description: "", id: ID },
  creditLimit: 10,
});

/** A journal that has these rows; `asked` has each look-up. */
function journalOf(rows: readonly KeptRow[], facts: Readonly<Record<AccountId, AccountFacts>> = {}) {
  const asked: string[] = [];
  const never = (): never => {
    throw new Error("not asked of in this test");
  };
  const journal: JournalSource = {
    ends: never,
    rows: never,
    hashesAt: never,
    firstSince: never,
    onKept: never,
    close: never,
    eventTexts: async (places: readonly Place[]) =>
      places.map(({ g, index }) => {
        asked.push(`event ${g}-${index}`);
        return rows.find((one) => one.g === g)?.events[index] ?? null;
      }),
    facts: async (accounts) => {
      asked.push(`facts ${accounts.join(",")}`);
      return new Map(accounts.flatMap((id) => (facts[id] === undefined ? [] : [[id, facts[id]]])));
    },
  };
  return { journal, asked };
}

describe("events of a row of the journal", () => {
  test("are in its order, and refusals and gaps keep their places", async () => {
    const refused = { refusal: "limit-exceeded", account: "a", index: 0, other: null } as const;
    const refusal = { type: "refusal", time: T, refusal: refused, id: ID, content: "x" } as const;
    const missing = { type: "missing", time: T, from: 3, to: 4 } as const;
    const events = [missing, entry("c"), refusal, hold];
    const { journal } = journalOf([], { c: { unit: "EUR/2", openedAt: 7 } });
    const made = await new PublicEvents(journal).of(row(5, ...events));
    expect(made.map((one) => one?.id ?? null)).toEqual([null, "e2-5-1-2", null, "e2-5-3-1"]);
    expect(made[1]).toMatchObject({
      type: "transaction.created",
      place: { shard: 2, g: 5, index: 1 },
      time: T + 2,
      transaction: { id: "t2-5-1-2", postings: [{ from: "c", to: "@world", amount: 3 }], description: null },
      accounts: [{ id: "c", unit: "EUR/2", balance: -3, creditLimit: 10, held: 0, seq: 4, openedAt: 7 }],
    });
    expect(made[3]).toMatchObject({
      type: "hold.created",
      hold: { id: "h2-5-3-1", state: "open", from: "a" },
    });
  });

  test("of accounts show them as they are after it", async () => {
    const opening = { id: "initial", content: null, unit: "BRL/2", name: "x", metadata: {} } as const;
    const { journal } = journalOf([]);
    const [opened, changed] = await new PublicEvents(journal).of(
      row(
        0,
        { type: "open", account: "a", time: T, creditLimit: 8, ...opening },
        { type: "change", time: T, account: state("a", 5), id: ID, content: null, name: null, metadata: {} },
      ),
    );
    const atStart = { balance: 0, held: 0, seq: 0, time: T, openedAt: T };
    expect(opened).toMatchObject({
      type: "account.opened",
      account: { id: "a", unit: "BRL/2", state: "open", creditLimit: 8, name: "x", ...atStart },
    });
    expect(changed).toMatchObject({ type: "account.changed", account: { id: "a", balance: 5, name: null } });
  });

  test("ask once for what never changes of an account, and not where the journal has told it", async () => {
    const { journal, asked } = journalOf([], { c: { unit: "BRL/2", openedAt: 1 } });
    const events = new PublicEvents(journal);
    await events.of(row(1, entry("a"), entry("a"), hold));
    await events.of(row(2, entry("a")));
    const opening = { id: "initial", content: null, unit: "JPY/0", name: null, metadata: {} } as const;
    const [, paid] = await events.of(
      row(3, { type: "open", account: "b", time: T, creditLimit: 8, ...opening }, entry("b")),
    );
    expect(paid).toMatchObject({ accounts: [{ unit: "JPY/0", openedAt: T }] });
    // Of `a` the same row tells it: a hold has its account's whole row.
    expect(asked).toEqual([]);
    await events.of(row(4, entry("c"), entry("c")));
    await events.of(row(5, entry("c")));
    expect(asked).toEqual(["facts c"]);
  });

  test("of a hold that ends show it as it is then, wherever it was made", async () => {
    const made = row(5, hold);
    const moves = { postings: [move(9)], accounts: [state("a"), state("b")] };
    const end = { time: T + 3, hold: "h2-5-0-1", id: ID, content: null } as const;
    const capture = { type: "capture", ...end, ...moves, ...DETAILS } as const;
    const ends = [
      capture,
      { ...capture, postings: [] },
      { type: "release", ...end, account: state("a") },
      { type: "expiry", time: T + 3, hold: "h2-5-0-1", account: state("a") },
    ] as const;
    const { journal, asked } = journalOf([made]);
    const events = new PublicEvents(journal);
    const [captured, nothing, released, expired] = await events.of(row(6, ...ends));
    expect(asked).toEqual(["event 5-0"]);
    const as = { id: "h2-5-0-1", amount: 9, description: "rent", from: "a", to: "b" };
    expect(captured).toMatchObject({
      type: "hold.captured",
      hold: { ...as, state: "captured", captured: 9, transaction: "t2-6-0-3" },
      postings: [{ from: "a", to: "b", amount: 9 }],
      accounts: [{ id: "a" }, { id: "b" }],
    });
    expect(nothing).toMatchObject({
      hold: { state: "captured", captured: 0, transaction: null },
      postings: [],
    });
    expect(released).toMatchObject({ type: "hold.released", hold: { ...as, state: "released" } });
    expect(expired).toMatchObject({ type: "hold.expired", hold: { ...as, state: "expired" } });
    const inOneRow = await new PublicEvents(journalOf([]).journal).of(row(5, hold, capture));
    expect(inOneRow[1]).toMatchObject({ hold: { ...as, state: "captured" } });
  });

  test("of the parts of a transaction across shards tell those that are done, under the transaction's own id", async () => {
    const attempt = "0-aaaaaaaaaaaaaaaaaaaaaa";
    const postings = [{ ...move(9), fromSeq: 0, fromBalance: 0 }];
    const part = { attempt, accounts: [state("b", 9)], sides: [{ outgoing: 0, incoming: 9, locks: 0 }] };
    const rest = { postings, id: ID, reverses: null, ...DETAILS } as const;
    const decided = { transaction: "t0-8-1-7", decidedAt: T + 7, hold: null };
    const looked = [{ ...move(9), fromSeq: 0, fromBalance: 0, toSeq: 0, toBalance: 0 }];
    const made = await new PublicEvents(journalOf([]).journal).of(
      row(
        6,
        { type: "part", time: T + 8, ...part, ...rest },
        { type: "finish", time: T + 9, ...part, ...rest, ...decided },
        { type: "undo", time: T + 9, ...part },
        // Of an account that only a condition names nothing is moved.
        { type: "finish", time: T + 9, ...part, ...rest, ...decided, postings: looked },
      ),
    );
    expect(made.map((one) => one?.id ?? null)).toEqual([null, "e2-6-1-9", null, null]);
    const transaction = {
      id: "t0-8-1-7",
      postings: [{ from: "a", to: "b", amount: 9 }],
      time: T + 7,
      ...DETAILS,
    };
    expect(made[1]).toMatchObject({
      type: "transaction.created",
      time: T + 9,
      transaction,
      accounts: [{ id: "b", balance: 9 }],
    });
  });

  test("are a defect where a hold that ends, or an account, is not in the journal", async () => {
    const other = row(5, { ...hold, time: T + 2 });
    const end = { type: "expiry", time: T + 3, hold: "h2-5-0-1", account: state("a") } as const;
    for (const rows of [[], [other]]) {
      const events = new PublicEvents(journalOf(rows).journal);
      // The one that is in its place now has another time.
      await rejects(events.of(row(6, end)), "h2-5-0-1");
    }
    await rejects(new PublicEvents(journalOf([]).journal).of(row(6, entry("c"))), "not opened: c");
  });
});

function move(amount: number) {
  return { from: "a", to: "b", amount, fromSeq: 1, fromBalance: -amount, toSeq: 1, toBalance: amount };
}

async function rejects(promise: Promise<unknown>, text: string): Promise<void> {
  const reason: unknown = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  expect(String(reason)).toContain(text);
}
