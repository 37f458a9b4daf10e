import { describe, expect, test } from "bun:test";
import { bounds } from "../../src/bounds.ts";
import { formatCursor, markOf, parseCursor } from "../../src/events/cursor.ts";
import { EventHub } from "../../src/events/event-hub.ts";
import type { After, EventFilter } from "../../src/events/event-source.ts";
import { shardOf } from "../../src/ledger/account-id.ts";
import { LedgerUnavailable } from "../../src/ledger/ledger.ts";
import { NO_DETAILS } from "../../src/ledger/transaction.ts";
import { openLog } from "../../src/log/log.ts";
import { eventually } from "../support/eventually.ts";
import { Random, testSeed } from "../support/random.ts";
import { MemoryJournal, opening } from "./support/memory-journal.ts";

const ALL: EventFilter = { account: null, types: null, beginning: "" };

/** Reads a stream of a hub as its server does: what it pulls it has sent. */
class Reading {
  text = "";
  isOver = false;
  readonly #chunks: {
    read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
    cancel(): Promise<void>;
  };

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#chunks = stream.getReader();
  }

  async once(): Promise<void> {
    const next = await this.#chunks.read();
    if (next.done) this.isOver = true;
    else this.text += new TextDecoder().decode(next.value);
  }

  /** From now on, as fast as it comes. */
  toTheEnd(): this {
    const readOn = async (): Promise<void> => {
      while (!this.isOver) await this.once();
    };
    readOn().catch(() => {});
    return this;
  }

  get accounts(): string[] {
    return [...this.text.matchAll(/"data":\{"id":"([^"]+)"/g)].map(([, id]) => String(id));
  }

  get lastId(): string {
    return [...this.text.matchAll(/^id: (\S+)$/gm)].at(-1)?.[1] ?? "";
  }

  async cancel(): Promise<void> {
    this.isOver = true;
    await this.#chunks.cancel();
  }
}

function hubOf(journal: MemoryJournal, commentMilliseconds = 60_000): EventHub {
  return new EventHub({ journal, log: openLog("events", "people"), commentMilliseconds });
}

async function reading(hub: EventHub, after: After, filter = ALL): Promise<Reading> {
  const stream = await hub.stream(filter, after, new AbortController().signal);
  if ("type" in stream) throw new Error(`no stream: ${JSON.stringify(stream)}`);
  return new Reading(stream);
}

const cursorAt = (text: string) => parseCursor(text) ?? "first";

describe("the hub", () => {
  test("asks for nothing while nobody reads, and no longer than somebody does", async () => {
    const journal = new MemoryJournal();
    const hub = hubOf(journal);
    journal.open(0, "a");
    journal.tell();
    expect([journal.listeners, journal.asked]).toEqual([0, []]);
    const reader = (await reading(hub, "first")).toTheEnd();
    await eventually("it came", () => reader.accounts.length === 1);
    expect([journal.listeners, hub.readers]).toEqual([1, 1]);
    await reader.cancel();
    await eventually("nobody is left", () => hub.readers === 0);
    expect(journal.listeners).toBe(0);
  });

  const seed = testSeed();
  test(`changes from the journal to the ring without a gap and without a repetition (seed ${seed})`, async () => {
    const random = new Random(seed);
    const journal = new MemoryJournal(3);
    const hub = hubOf(journal);
    const readings: Reading[] = [];
    const expected: string[] = [];
    // Reads take their time, so that rows come in between.
    journal.beforeRows = () => Bun.sleep(random.integer(0, 3));
    let n = 0;
    const keepSome = (): void => {
      for (let count = random.integer(1, 20); count > 0; count -= 1) {
        const shard = random.integer(0, 2);
        const events = Array.from({ length: random.integer(0, 3) }, () => `${shard}-${(n += 1)}`);
        expected.push(...events);
        journal.keep(shard, ...events.map((id) => opening(id)));
      }
      if (random.chance(70)) journal.tell();
    };
    for (let round = 0; round < 100; round += 1) {
      keepSome();
      if (round % 5 === 0) readings.push((await reading(hub, "first")).toTheEnd());
      await Bun.sleep(random.integer(0, 4));
    }
    journal.tell();
    const byShard = (ids: readonly string[]) =>
      [0, 1, 2].map((shard) => ids.filter((id) => id.startsWith(`${shard}-`)));
    await eventually("all have all", () =>
      readings.every(({ accounts }) => accounts.length >= expected.length),
    );
    for (const { accounts } of readings) expect(byShard(accounts)).toEqual(byShard(expected));
    await hub.close();
    await eventually("all are ended", () => readings.every(({ isOver }) => isOver));
  });

  test("tells nothing twice to whom the journal has told what is not in the ring yet", async () => {
    const journal = new MemoryJournal();
    const hub = hubOf(journal);
    const other = (await reading(hub, "latest")).toTheEnd();
    await eventually("it follows", () => journal.listeners === 1);
    // Kept, but not told of: another process may have told its readers already.
    journal.open(0, "a");
    const page = await hub.page(ALL, "first", 10, 0, new AbortController().signal);
    if (page.type !== "page") throw new Error("no page");
    expect(page.events).toHaveLength(1);
    const ahead = (await reading(hub, cursorAt(page.next))).toTheEnd();
    const waiting = hub.page(ALL, cursorAt(page.next), 10, 30_000, new AbortController().signal);
    await Bun.sleep(20);
    journal.open(0, "b");
    journal.tell();
    await eventually("it came", () => ahead.accounts.length > 0 && other.accounts.length === 2);
    expect(ahead.accounts).toEqual(["b"]);
    expect(await waiting).toMatchObject({ events: [{ type: "account.opened" }] });
    expect(JSON.stringify(await waiting)).not.toContain('\\"a\\"');
    await hub.close();
  });

  test("cuts off who is too slow, who goes on from the journal with the id seen last", async () => {
    const journal = new MemoryJournal();
    const hub = hubOf(journal);
    const slow = await reading(hub, "latest");
    await slow.once();
    const name = "n".repeat(90);
    const fast = (await reading(hub, "latest")).toTheEnd();
    journal.open(0, "first");
    journal.tell();
    await slow.once();
    expect(slow.accounts).toEqual(["first"]);
    let count = 1;
    const rows = Math.ceil(bounds.event_ring_bytes_max / 200_000) + 5;
    for (let row = 0; row < rows; row += 1) {
      journal.keep(0, ...Array.from({ length: 120 }, () => opening(`a${(count += 1)}`, name)));
      if (row % 10 === 0) {
        journal.tell();
        await eventually("the fast one has it", () => fast.accounts.at(-1) === `a${count}`);
      }
    }
    journal.tell();
    await eventually("the fast one has all", () => fast.accounts.at(-1) === `a${count}`);
    expect(hub.readersCut).toBe(1);
    expect(hub.readers).toBe(1);
    while (!slow.isOver) await slow.once();
    const seen = slow.accounts.length;
    const again = (await reading(hub, cursorAt(slow.lastId))).toTheEnd();
    await eventually("it has the rest", () => again.accounts.length >= count - seen);
    expect([...slow.accounts, ...again.accounts]).toEqual(fast.accounts.slice(-count));
    await hub.close();
  });

  test("has a comment in silence, and with it where to go on where a filter passed over what there was", async () => {
    const journal = new MemoryJournal();
    const hub = hubOf(journal, 1);
    const reader = (await reading(hub, "first", { ...ALL, account: "z" })).toTheEnd();
    await eventually("a comment came", () => reader.text.includes("\n:\n"));
    const row = journal.open(0, "a");
    journal.tell();
    const place = formatCursor([{ shard: 0, g: row.g, seen: null, mark: markOf(row.hash) }]);
    await eventually("it is told", () => reader.lastId === place);
    expect(reader.text).not.toContain("event:");
    await hub.close();
  });

  test("goes on by itself where the journal was away", async () => {
    const journal = new MemoryJournal();
    const hub = hubOf(journal);
    const reader = (await reading(hub, "first")).toTheEnd();
    journal.open(0, "a");
    journal.tell();
    await eventually("it came", () => reader.accounts.length === 1);
    journal.isAway = true;
    journal.open(0, "b");
    journal.tell();
    await Bun.sleep(20);
    expect(hub.page(ALL, "first", 1, 0, new AbortController().signal)).rejects.toThrow("away");
    journal.isAway = false;
    await eventually("it came as well", () => reader.accounts.length === 2);
    await hub.close();
  });

  test("tells nothing twice where the journal goes away while a reader comes from the past", async () => {
    const journal = new MemoryJournal();
    const hub = hubOf(journal);
    const ids = Array.from({ length: 60 }, (_, n) => `a${n}`);
    for (const id of ids) journal.open(0, id);
    let reads = 0;
    // The first rows are read, the next ones are not.
    journal.beforeRows = async () => {
      reads += 1;
      if (reads === 2) throw new LedgerUnavailable("the journal is away", "none");
    };
    const reader = (await reading(hub, "first")).toTheEnd();
    await eventually("all came", () => reader.accounts.length >= ids.length);
    expect(reads).toBeGreaterThan(2);
    expect(reader.accounts).toEqual(ids);
    await hub.close();
  });

  test("sends comments and nothing else while the journal is away, for long", async () => {
    const journal = new MemoryJournal();
    const hub = hubOf(journal, 1);
    const reader = (await reading(hub, "latest")).toTheEnd();
    await eventually("a comment came", () => reader.text.includes("\n:\n"));
    journal.isAway = true;
    journal.open(0, "a");
    for (let n = 0; n < 20; n += 1) {
      journal.tell();
      await Bun.sleep(1);
    }
    const { length } = reader.text;
    await eventually("comments go on", () => reader.text.length > length);
    expect([reader.isOver, hub.readers, reader.accounts]).toEqual([false, 1, []]);
    // Whatever was told meanwhile, it is tried again once at a time.
    const { length: asked } = journal.asked;
    await Bun.sleep(bounds.event_retry_milliseconds + 50);
    expect(journal.asked.length - asked).toBeLessThan(10);
    journal.isAway = false;
    await eventually("it came", () => reader.accounts.length === 1);
    await hub.close();
  });

  test("ends a stream that is ended while it begins", async () => {
    const journal = new MemoryJournal();
    const hub = hubOf(journal);
    const begin = hub.stream(ALL, "latest", new AbortController().signal);
    // As where the certificate is exchanged at this moment.
    while (hub.readers === 0) await Promise.resolve();
    hub.endReaders();
    const ended = new Reading(await streamIn(begin));
    await ended.once();
    expect([ended.isOver, ended.text, hub.readers]).toEqual([true, "", 0]);
    await hub.close();
  });

  test("ends all who follow where the journal has another past, and tells them so when they come again", async () => {
    const journal = new MemoryJournal();
    const hub = hubOf(journal);
    const reader = (await reading(hub, "first")).toTheEnd();
    for (const id of ["a", "b", "c"]) journal.open(0, id);
    journal.tell();
    await eventually("all came", () => reader.accounts.length === 3);
    const taken = journal.takeBack(0, 2);
    journal.tell();
    await eventually("it is ended", () => reader.isOver);
    const again = () => hub.stream(ALL, cursorAt(reader.lastId), new AbortController().signal);
    expect(await again()).toEqual({ type: "gone", shard: 0 });
    expect(await hub.page(ALL, cursorAt(reader.lastId), 1, 0, new AbortController().signal)).toEqual({
      type: "gone",
      shard: 0,
    });
    // Put back word for word, it is the same past.
    journal.putBack(taken);
    const same = new Reading(await streamIn(again()));
    await same.once();
    await same.cancel();
    journal.takeBack(0, 2);
    for (const id of ["b", "d"]) journal.open(0, id);
    expect(await again()).toEqual({ type: "gone", shard: 0 });
    await hub.close();
  });

  test("passes over a gap that a restore has noted", async () => {
    const journal = new MemoryJournal();
    const hub = hubOf(journal);
    const before = await hub.page(ALL, "latest", 1, 0, new AbortController().signal);
    journal.keep(0, { type: "missing", time: 5, from: 1, to: 1 });
    journal.open(0, "a");
    if (before.type !== "page") throw new Error("no page");
    const page = await hub.page(ALL, cursorAt(before.next), 9, 0, new AbortController().signal);
    expect(page).toMatchObject({ type: "page", events: [{ type: "account.opened" }] });
    await hub.close();
  });

  test("tells of an account what its own shard has, live as from the journal: no hold for it on another shard", async () => {
    const [from = "", to = ""] = [0, 1].map((shard) =>
      ["1", "2", "3", "4", "5"].find((id) => shardOf(id, 2) === shard),
    );
    const journal = new MemoryJournal(2);
    const hub = hubOf(journal);
    const filter = { ...ALL, account: to };
    const reader = (await reading(hub, "latest", filter)).toTheEnd();
    const waiting = hub.page(filter, "latest", 10, 60_000, new AbortController().signal);
    await eventually("both wait", () => hub.readers === 2);
    const time = 1_700_000_000_000_000;
    const amounts = { creditLimit: 10, balance: 0, held: 9, seq: 1, time, openedAt: time };
    const account = { id: from, unit: "BRL/2", state: "open", ...amounts } as const;
    const common = { id: "req:1", content: null, ...NO_DETAILS } as const;
    journal.keep(0, { type: "hold", time, to, amount: 9, expiresAt: time + 1, account, ...common });
    journal.open(1, to);
    journal.tell();
    await eventually("what comes after it is told", () => reader.accounts.includes(to));
    const page = await waiting;
    const fromJournal = await hub.page(filter, "first", 10, 0, new AbortController().signal);
    const ids = (one: object): unknown =>
      Object(one).events.map(({ json }: { json: string }) => JSON.parse(json).data.id);
    expect([reader.accounts, ids(page), ids(fromJournal)]).toEqual([[to], [to], [to]]);
    await reader.cancel();
    await hub.close();
  });

  test("counts readers from when they ask, so that many at once are no more than may be", async () => {
    const journal = new MemoryJournal();
    const hub = new EventHub({ journal, log: openLog("events", "people"), readers_max: 2 });
    const abort = new AbortController();
    const stream = hub.stream(ALL, "first", abort.signal);
    expect([hub.isFull, hub.readers]).toEqual([false, 0]);
    const page = hub.page(ALL, "first", 1, 60_000, abort.signal);
    expect([hub.isFull, hub.readers]).toEqual([true, 0]);
    await stream;
    await eventually("both are readers", () => hub.readers === 2);
    expect(hub.isFull).toBe(true);
    abort.abort();
    expect(await page).toMatchObject({ events: [] });
    expect([hub.isFull, hub.readers]).toEqual([false, 0]);
    await hub.close();
  });

  test("has as many readers as may be, and none that was ended", async () => {
    const journal = new MemoryJournal();
    const hub = new EventHub({ journal, log: openLog("events", "people"), readers_max: 2 });
    const abort = new AbortController();
    let ended = 0;
    await hub.stream(ALL, "first", abort.signal, () => (ended += 1));
    await hub.stream(ALL, "first", abort.signal, () => (ended += 1));
    expect([hub.isFull, hub.readers]).toEqual([true, 2]);
    abort.abort();
    expect([hub.isFull, hub.readers, ended, journal.listeners]).toEqual([false, 0, 2, 0]);
    await hub.close();
  });
});

async function streamIn(answer: ReturnType<EventHub["stream"]>): Promise<ReadableStream<Uint8Array>> {
  const stream = await answer;
  if ("type" in stream) throw new Error(`no stream: ${JSON.stringify(stream)}`);
  return stream;
}
