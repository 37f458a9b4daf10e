import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { formatCursor, startOf } from "../../src/events/cursor.ts";
import type { JournalSource } from "../../src/events/journal-source.ts";
import { call } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { Random, testSeed } from "../support/random.ts";
import { requestsSection } from "./requests-section.ts";
import { follow, Follower, readAll, readPage, type Told } from "../support/followers/event-client.ts";
import { byShard, keptEvents } from "./support/kept-events.ts";
import { decideSome, done, openAccounts } from "./support/mixed-load.ts";

export interface EventsUnderTest extends AsyncDisposable {
  readonly url: string;
  readonly shards: number;
  /** The journal itself. */
  readonly journal: JournalSource;
  /** Until the journal has all that was answered. */
  settled(): Promise<void>;
}

/** What who follows a ledger may rely on, whatever the ledger is made of. */
export function eventsSuite(name: string, start: () => Promise<EventsUnderTest>): void {
  const seed = testSeed();
  describe(`events of ${name} (seed ${seed})`, () => {
    let subject: EventsUnderTest;
    let url: string;
    let shards: number;
    const random = new Random(seed);

    beforeAll(async () => {
      subject = await start();
      ({ url, shards } = subject);
      await openAccounts(url);
    });
    afterAll(() => subject[Symbol.asyncDispose]());

    const keptIds = async (): Promise<string[][]> =>
      (await keptEvents(subject.journal)).map((events) => events.map(({ id }) => id));

    const idsByShard = (events: readonly Told[]): string[][] =>
      byShard(
        events.map(({ id }) => id),
        shards,
      );

    /** Behind all that was answered: in a cluster it is in the journal a moment later, so each shard is told a mark. */
    async function latest(): Promise<string> {
      let cursor = (await readPage(url, "after=latest")).next;
      const marks = await Promise.all(
        ["1", "2", "3", "4", "5"].map(async (to) => {
          const postings = [{ from: "@world", to, amount: 1 }];
          return (await done(url, "/v1/transactions", { postings }, 201))["id"];
        }),
      );
      const missing = new Set<unknown>(marks);
      while (missing.size > 0) {
        const { events, next } = await readPage(url, `after=${cursor}&wait=20&limit=100`);
        for (const { data } of events) missing.delete(data["id"]);
        cursor = next;
      }
      return cursor;
    }

    async function nextAfter(cursor: string, query = ""): Promise<Told> {
      const { events } = await readPage(url, `after=${cursor}&wait=20&limit=1&${query}`);
      const [event] = events;
      if (event === undefined) throw new Error(`nothing came after ${cursor}`);
      return event;
    }

    test("the accounts of the start come first", async () => {
      const first = (await readAll(url)).filter(({ id }) => /^e\d+-0-/.test(id));
      const told = first.map(({ type, data }) => `${type} ${String(data["id"])}`);
      expect(new Set(told)).toEqual(new Set(["1", "2", "3", "4", "5"].map((id) => `account.opened ${id}`)));
      expect(told).toHaveLength(5);
    });

    test("each decision is one event, with what its command was answered", async () => {
      let cursor = await latest();
      const decide = async (path: string, body: object, status: number, type: string) => {
        const { account, ...answer } = await done(url, path, body, status);
        const made = String(answer["id"]);
        const event = await nextAfter(cursor);
        cursor = (await readPage(url, `after=${cursor}&limit=1`)).next;
        expect(event.type).toBe(type);
        const { accounts, postings, ...data } = event.data;
        return { answer, made, account, event, accounts, postings, data };
      };
      const opened = await decide(
        "/v1/accounts",
        { id: "{x}1", unit: "BRL/2", name: 'n"\n' },
        201,
        "account.opened",
      );
      expect(opened.data).toEqual(opened.answer);
      await decide("/v1/accounts", { id: "{x}2", unit: "BRL/2" }, 201, "account.opened");
      const postings = [{ from: "@world", to: "{x}1", amount: 90 }];
      const paid = await decide(
        "/v1/transactions",
        { postings, description: "d", reference: "r", metadata: { a: "é" } },
        201,
        "transaction.created",
      );
      expect(paid.event.data).toEqual(paid.answer);
      const hold = { from: "{x}1", to: "{x}2", amount: 30 };
      const held = await decide("/v1/holds", hold, 201, "hold.created");
      expect([held.data, held.accounts]).toEqual([held.answer, { "{x}1": held.account }]);
      const captured = await decide(
        `/v1/holds/${held.made}/capture`,
        { postings: [{ to: "{x}2", amount: 20 }] },
        200,
        "hold.captured",
      );
      expect(captured.data).toEqual(captured.answer);
      expect(captured.postings).toEqual([{ from: "{x}1", to: "{x}2", amount: 20 }]);
      expect(captured.accounts).toMatchObject({ "{x}1": captured.account, "{x}2": { balance: 20, seq: 1 } });
      const again = await decide("/v1/holds", hold, 201, "hold.created");
      const released = await decide(`/v1/holds/${again.made}/release`, {}, 200, "hold.released");
      expect([released.data, released.accounts]).toEqual([released.answer, { "{x}1": released.account }]);
      const short = await decide("/v1/holds", { ...hold, expires_in: 1 }, 201, "hold.created");
      const expired = await nextAfter(cursor);
      expect(expired).toMatchObject({
        type: "hold.expired",
        data: { id: short.answer["id"], state: "expired" },
      });
      cursor = await latest();
      const changed = await call(url, "PATCH", "/v1/accounts/{x}1", { credit_limit: 7, name: null });
      expect(await nextAfter(cursor)).toMatchObject({ type: "account.changed", data: Object(changed.body) });
    });

    test("a refusal and a read are no events", async () => {
      const cursor = await latest();
      const postings = [{ from: "{a}1", to: "{a}2", amount: 9_000_000_000 }];
      expect((await call(url, "POST", "/v1/transactions", { postings })).status).toBe(422);
      await done(url, "/v1/transactions", { postings: [{ from: "{a}1", to: "{a}2", amount: 1 }] }, 201);
      expect((await nextAfter(cursor)).data["postings"]).toEqual([{ from: "{a}1", to: "{a}2", amount: 1 }]);
    });

    test("cut off anywhere, readers who come again with the id they saw last miss nothing and see nothing twice", async () => {
      const readers = Array.from(
        { length: 8 },
        (_, n) =>
          new Follower(
            () => url,
            "",
            () => (n === 0 ? Infinity : random.integer(1, 40_000)),
          ),
      );
      await decideSome(url, random, 600);
      await subject.settled();
      const kept = await keptIds();
      const count = kept.flat().length;
      await eventually(
        "every reader has all",
        () => readers.every(({ events }) => events.length >= count),
        () => readers.map(({ events }) => events.length),
      );
      await Promise.all(readers.map((reader) => reader.stop()));
      for (const reader of readers) expect(byShard(reader.ids, shards)).toEqual(kept);
      expect(Math.max(...readers.map(({ returns }) => returns))).toBeGreaterThan(3);
    }, 120_000);

    test("of each account, events come in the order of its seq", async () => {
      const seqs = new Map<string, number>();
      for (const { data } of await readAll(url)) {
        for (const [id, state] of Object.entries(Object(data["accounts"]))) {
          const { seq } = Object(state);
          expect(seq).toBeGreaterThanOrEqual(seqs.get(id) ?? 0);
          seqs.set(id, seq);
        }
      }
      expect(seqs.size).toBeGreaterThan(8);
    });

    test("from any cursor of the past, by pages and by a stream, the rest comes whole", async () => {
      const all: Told[] = [];
      const stop = new AbortController();
      const count = (await keptIds()).flat().length;
      await follow(url, {
        signal: stop.signal,
        onEvent: (event) => {
          if (all.push(event) >= count) stop.abort();
        },
      });
      expect(idsByShard(all)).toEqual(await keptIds());
      for (let n = 0; n < 100; n += 1) {
        const at = random.integer(0, all.length - 1);
        const cursor = all[at]?.cursor ?? "";
        const rest = all.slice(at + 1).map(({ id }) => id);
        const { events } = await readPage(url, `limit=50&after=${cursor}`);
        expect(events.length).toBe(Math.min(50, rest.length));
        for (const [shard, ids] of idsByShard(events).entries())
          expect(ids).toEqual((byShard(rest, shards)[shard] ?? []).slice(0, ids.length));
        if (n % 20 > 0) continue;
        expect(idsByShard(await readAll(url, "limit=100", cursor))).toEqual(byShard(rest, shards));
      }
    }, 120_000);

    test("of one account, or of some types, as of all", async () => {
      const all = await readAll(url);
      const types = new Set(["hold.released", "hold.captured"]);
      const some = await readAll(url, "limit=7&type=hold.released,hold.captured");
      const wanted = all.filter(({ type }) => types.has(type));
      expect(wanted.length).toBeGreaterThan(10);
      expect(idsByShard(some)).toEqual(idsByShard(wanted));
      const ofOne = await readAll(url, "limit=7&account={b}2");
      const touching = all.filter(({ data }) => JSON.stringify(data).includes('"{b}2"'));
      expect(ofOne.map(({ id }) => id)).toEqual(touching.map(({ id }) => id));
      const streamed = new Follower(() => url, "account={b}2&type=transaction.created,hold.captured");
      const both = ofOne.filter(({ type }) => type === "transaction.created" || type === "hold.captured");
      await eventually("the stream has them", () => streamed.events.length >= both.length);
      await done(url, "/v1/transactions", { postings: [{ from: "@world", to: "{c}1", amount: 1 }] }, 201);
      await done(url, "/v1/transactions", { postings: [{ from: "@world", to: "{b}2", amount: 1 }] }, 201);
      await eventually("one more came", () => streamed.events.length > both.length);
      await streamed.stop();
      expect(streamed.ids.slice(0, -1)).toEqual(both.map(({ id }) => id));
      expect(streamed.events.at(-1)?.data["postings"]).toEqual([{ from: "@world", to: "{b}2", amount: 1 }]);
    });

    test("a page waits for the first event, and says where to go on where none came", async () => {
      const cursor = await latest();
      const none = await readPage(url, `after=${cursor}&wait=1&account={d}2`);
      expect(none.events).toEqual([]);
      const waiting = readPage(url, `after=${none.next}&wait=20&account={d}2`);
      await done(url, "/v1/transactions", { postings: [{ from: "@world", to: "{d}1", amount: 1 }] }, 201);
      await done(url, "/v1/transactions", { postings: [{ from: "@world", to: "{d}2", amount: 2 }] }, 201);
      const { events, next } = await waiting;
      expect(events.map(({ data }) => data["postings"])).toEqual([
        [{ from: "@world", to: "{d}2", amount: 2 }],
      ]);
      expect((await readPage(url, `after=${next}`)).events).toEqual([]);
    });

    test("Last-Event-ID counts over after, and latest is what comes from now on", async () => {
      const cursor = await latest();
      await done(url, "/v1/transactions", { postings: [{ from: "@world", to: "{a}1", amount: 3 }] }, 201);
      const event = await nextAfter(cursor);
      const response = await fetch(`${url}/v1/events?limit=1`, { headers: { "last-event-id": cursor } });
      expect(Object(await response.json()).data[0].id).toBe(event.id);
      const both = await fetch(`${url}/v1/events?after=latest`, { headers: { "last-event-id": cursor } });
      expect(Object(await both.json()).data[0].id).toBe(event.id);
      expect((await readPage(url, "after=latest")).events).toEqual([]);
    });

    test("what cannot be is refused, and says what may be", async () => {
      const cursor = await latest();
      const other = formatCursor(startOf(shards + 1));
      const damaged = `${cursor.slice(0, -1)}!`;
      const ask = async (query: string, headers = {}) => {
        const response = await fetch(`${url}/v1/events?${query}`, { headers });
        const { type, errors } = Object(await response.json());
        return [response.status, type, errors?.[0].parameter];
      };
      const invalid = (parameter: string) => [422, "urn:razonete:problem:invalid-fields", parameter];
      expect(await ask("type=account.closed")).toEqual(invalid("type"));
      expect(await ask(`after=${damaged}`)).toEqual(invalid("after"));
      expect(await ask(`after=${other}`)).toEqual(invalid("after"));
      expect(await ask("wait=21")).toEqual(invalid("wait"));
      expect(await ask("limit=0")).toEqual(invalid("limit"));
      expect(await ask("since=1")).toEqual(invalid("since"));
      expect(await ask("", { "last-event-id": damaged })).toEqual(invalid("Last-Event-ID"));
      expect(await ask("", { "last-event-id": other })).toEqual(invalid("Last-Event-ID"));
      expect(await ask("account=nobody")).toEqual([404, "urn:razonete:problem:account-not-found", undefined]);
      const forged = formatCursor(startOf(shards).map((one) => ({ ...one, g: 0, mark: 1 })));
      const gone = await call(url, "GET", `/v1/events?after=${forged}`);
      expect([gone.status, gone.body]).toMatchObject([
        410,
        { type: "urn:razonete:problem:cursor-gone", shard: 0 },
      ]);
    });

    requestsSection(() => url);

    test("a HEAD of a stream has its headers, and leaves nobody reading", async () => {
      const head = await fetch(`${url}/v1/events`, {
        method: "HEAD",
        headers: { accept: "text/event-stream" },
      });
      expect([head.status, head.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
      expect(head.headers.get("cache-control")).toBe("no-store");
    });
  });
}
