import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { Connection } from "../../client/src/connection.ts";
import { EventReader } from "../../client/src/event-reader.ts";
import { CursorGoneError, Razonete, RefusedError, type StreamOptions } from "../../client/src/razonete.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { type Connected, type ScriptedEvent, ScriptedEvents } from "./support/scripted-events.ts";
import { problem, ScriptedServer, unavailable } from "./support/scripted-server.ts";

/** Events as the client reads them, from a server whose connections end as a script says. */

failOnLeaks();
setDefaultTimeout(30_000);

const ACCESS_KEY = "rz_a-very-secret-one";

function eventsOf(count: number, size = 0): ScriptedEvent[] {
  return Array.from({ length: count }, (_, index) => {
    const data = { id: `e${index}`, type: "hold.created", at: "", data: { text: "ã".repeat(size) } };
    const cursor = `c${index}`;
    return { cursor, text: `id: ${cursor}\nevent: hold.created\ndata: ${JSON.stringify(data)}\n\n` };
  });
}

/** The ids of the first events that are handed out. */
async function take(count: number, server: ScriptedEvents, options: StreamOptions = {}): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of new Razonete({ url: server.url }).events.stream(options)) {
    ids.push(id);
    if (ids.length === count) break;
  }
  return ids;
}

const bytesOf = (events: readonly ScriptedEvent[]) =>
  "retry: 1\n\n".length + events.map(({ text }) => text).join("").length;
const FIRST_ALONE = { bytes: bytesOf(eventsOf(1)), end: "close" } as const;

const idsOf = (count: number) => Array.from({ length: count }, (_, index) => `e${index}`);

describe("a stream", () => {
  test("has every event once and in order, wherever the connection is cut", async () => {
    const events = eventsOf(3);
    const cuts = Array.from({ length: bytesOf(events) + 1 }, (_, bytes) => bytes);
    const run = async (bytes: number) => {
      const end = bytes % 2 === 0 ? "close" : "lose";
      await using server = await ScriptedEvents.start(events, { bytes, end }, "live");
      expect([bytes, ...(await take(3, server))]).toEqual([bytes, ...idsOf(3)]);
    };
    for (let from = 0; from < cuts.length; from += 100)
      await Promise.all(cuts.slice(from, from + 100).map(run));
  });

  test("goes on after what was handed out last, over 20 connections of one event each", async () => {
    const events = eventsOf(20);
    const one = { bytes: bytesOf(events.slice(0, 1)) + 20, end: "close" } as const;
    await using server = await ScriptedEvents.start(events, one);
    expect(await take(20, server)).toEqual(idsOf(20));
    expect(server.after).toEqual([undefined, ...Array.from({ length: 19 }, (_, index) => `c${index}`)]);
  });

  test("asks with the filter, the cursor, the access key, and for a stream", async () => {
    await using server = await ScriptedEvents.start(eventsOf(3), "live");
    const ledger = new Razonete({ url: server.url, accessKey: ACCESS_KEY });
    const asked = { account: "acme:1", types: ["hold.created", "hold.expired"], after: "c1" } as const;
    for await (const event of ledger.events.stream(asked)) {
      expect(event).toMatchObject({ id: "e2", cursor: "c2", type: "hold.created" });
      break;
    }
    expect(server.requests[0]).toMatchObject({
      path: "/v1/events?account=acme%3A1&type=hold.created%2Chold.expired&after=c1",
      headers: { accept: "text/event-stream", authorization: `Bearer ${ACCESS_KEY}` },
    });
  });

  test("begins anew in each loop over it", async () => {
    await using server = await ScriptedEvents.start(eventsOf(2), "live");
    const stream = new Razonete({ url: server.url }).events.stream();
    for (let loop = 0; loop < 2; loop += 1)
      for await (const { id } of stream) {
        expect(id).toBe("e0");
        break;
      }
    expect(server.after).toEqual([undefined, undefined]);
  });

  test("of which nothing comes any more is made again", async () => {
    await using server = await ScriptedEvents.start(eventsOf(2), FIRST_ALONE, "silent", "live");
    const connection = new Connection({ url: server.url });
    const lost: string[] = [];
    const reader = new EventReader({
      open: (cursor, signal) => connection.stream("/v1/events", {}, cursor, signal),
      onLost: (detail) => lost.push(detail),
      silenceMs: 150,
    });
    const stop = new AbortController();
    const ids: string[] = [];
    const reading = (async () => {
      for await (const { id } of reader.events(stop.signal)) ids.push(id);
    })();
    await eventually("it is made again", () => ids.length >= 2 && server.requests.length >= 3);
    stop.abort();
    await reading;
    expect(ids).toEqual(idsOf(2));
    // On a slow machine the others are silent for that long, too.
    expect(lost[1]).toBe("nothing came for 150 ms");
  });

  test("on which comments come is not silent, and why it was lost is told", async () => {
    const silenceMs = 250;
    let comments = 0;
    // Made by timers of this process, so that one that stands still finds a comment before the end of the silence.
    const body = new ReadableStream<Uint8Array>({
      async pull(stream) {
        await Bun.sleep(25);
        comments += 1;
        if (comments * 25 > 4 * silenceMs) stream.close();
        else stream.enqueue(new TextEncoder().encode(": \n\n"));
      },
    });
    const stop = new AbortController();
    const lost: string[] = [];
    const reader = new EventReader({
      open: async () => ({ type: "open", body }),
      onLost: (detail) => {
        lost.push(detail);
        stop.abort();
      },
      silenceMs,
    });
    for await (const event of reader.events(stop.signal)) throw event;
    expect(lost).toEqual(["the stream was ended"]);
  });
});

describe("what cannot be mended by asking again is thrown, and not asked again", () => {
  test.each([
    [401, "key-invalid"],
    [403, "scope-missing"],
    [404, "account-not-found"],
    [422, "invalid-fields"],
  ])("%d %s", async (status, name) => {
    await using server = await ScriptedEvents.start([], problem(status, name));
    const taken = take(1, server);
    expect(taken).rejects.toBeInstanceOf(RefusedError);
    expect(taken).rejects.toMatchObject({ reason: name, status });
    await taken.catch(() => {});
    expect(server.requests.length).toBe(1);
  });

  test("410 is an error of its own, of a page too", async () => {
    const gone = problem(410, "cursor-gone", { shard: 0 });
    await using server = await ScriptedEvents.start(eventsOf(1), FIRST_ALONE, gone);
    const ids: string[] = [];
    const loop = async () => {
      for await (const { id } of new Razonete({ url: server.url }).events.stream()) ids.push(id);
    };
    expect(loop()).rejects.toBeInstanceOf(CursorGoneError);
    await eventually("it was asked again", () => server.requests.length === 2);
    expect(ids).toEqual(["e0"]);
    const page = new Razonete({ url: server.url }).events.list({ after: "c0" });
    expect(page).rejects.toMatchObject({ name: "CursorGoneError", reason: "cursor-gone" });
    await page.catch(() => {});
  });

  test("a redirection", async () => {
    const away: Connected = { status: 302, headers: { location: "http://127.0.0.1:1/" } };
    await using server = await ScriptedEvents.start([], away);
    expect(take(1, server)).rejects.toMatchObject({ status: 302 });
    await eventually("it was asked", () => server.requests.length === 1);
  });
});

describe("what may pass is asked again", () => {
  test.each<[string, Connected]>([
    ["429", problem(429, "too-many-requests")],
    ["503", unavailable("none")],
    ["502 of a proxy", { status: 502, body: "<html>" }],
    [
      "a page in place of a stream",
      { status: 200, headers: { "content-type": "text/html" }, body: "<html>" },
    ],
    ["events without an id", raw('data: {"id":"e0","type":"a"}\n\n')],
    ["events whose id cannot stand in a header", raw('id: ä\ndata: {"id":"e0","type":"a"}\n\n')],
    ["events that are no JSON", raw("id: c0\ndata: {\n\n")],
  ])("%s", async (_, step) => {
    await using server = await ScriptedEvents.start(eventsOf(2), FIRST_ALONE, step, "live");
    expect(await take(2, server)).toEqual(idsOf(2));
    expect(server.after).toEqual([undefined, "c0", "c0"]);
  });

  test("no sooner than Retry-After says", async () => {
    const busy = { ...problem(429, "too-many-requests"), headers: { "retry-after": "1" } };
    await using server = await ScriptedEvents.start(eventsOf(1), busy, "live");
    await take(1, server);
    const [first, second] = server.requests;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(990);
  });

  test("and told, without the access key", async () => {
    const lost: string[] = [];
    const telling = Object.assign(
      async (...[, init]: Parameters<typeof fetch>): Promise<Response> => {
        throw new TypeError(JSON.stringify(init?.headers));
      },
      { preconnect: () => {} },
    );
    const stop = new AbortController();
    const ledger = new Razonete({ url: "http://127.0.0.1:1", accessKey: ACCESS_KEY, fetch: telling });
    const onLost = (detail: string) => {
      lost.push(detail);
      if (lost.length === 2) stop.abort();
    };
    for await (const event of ledger.events.stream({ signal: stop.signal, onLost })) throw event;
    expect(lost.join()).toContain("(the access key)");
    expect(lost.join()).not.toContain(ACCESS_KEY);
  });
});

describe("the end", () => {
  test("comes by the signal, while it waits and while the caller is at work, and the connection is closed", async () => {
    await using server = await ScriptedEvents.start(eventsOf(3), "live");
    for (const isAtWork of [true, false]) {
      const stop = new AbortController();
      const ids: string[] = [];
      for await (const { id } of new Razonete({ url: server.url }).events.stream({ signal: stop.signal })) {
        ids.push(id);
        if (isAtWork && id === "e1") stop.abort();
        if (id === "e2") setTimeout(() => stop.abort(), 50);
      }
      expect(ids).toEqual(idsOf(isAtWork ? 2 : 3));
      await eventually("the connection is closed", () => server.open === 0);
    }
  });

  test("before it began: nothing is asked", async () => {
    await using server = await ScriptedEvents.start(eventsOf(3), "live");
    expect(await take(1, server, { signal: AbortSignal.abort() })).toEqual([]);
    expect(server.requests).toEqual([]);
  });

  test("comes by return, also of one that waits, and by break", async () => {
    await using server = await ScriptedEvents.start(eventsOf(1), "live");
    const events = new Razonete({ url: server.url }).events.stream()[Symbol.asyncIterator]();
    await events.next();
    const waits = events.next();
    await events.return?.();
    expect(await waits).toEqual({ done: true, value: undefined });
    expect(await events.next()).toEqual({ done: true, value: undefined });
    await eventually("the connection is closed", () => server.open === 0);
    await take(1, server);
    await eventually("the connection is closed", () => server.open === 0);
  });

  test("in a pause, and of an answer that never begins", async () => {
    await using refusing = await ScriptedServer.start("hang");
    for (const url of [refusing.url, "http://127.0.0.1:1"]) {
      const stop = new AbortController();
      const { events } = new Razonete({ url });
      let losses = 0;
      const reading = (async () => {
        for await (const event of events.stream({ signal: stop.signal, onLost: () => (losses += 1) }))
          throw event;
      })();
      await eventually("it waits", () =>
        url === refusing.url ? refusing.requests.length === 1 : losses > 0,
      );
      stop.abort();
      await reading;
    }
    expect(refusing.requests.length).toBe(1);
  });
});

describe("a cursor", () => {
  test("is told when its event is done with, and waited for", async () => {
    await using server = await ScriptedEvents.start(eventsOf(3), "live");
    const seen: string[] = [];
    const onCursor = async (cursor: string) => {
      await Bun.sleep(1);
      seen.push(cursor);
    };
    const stream = new Razonete({ url: server.url }).events.stream({ onCursor });
    for await (const { id } of stream) {
      seen.push(id);
      if (id === "e2") break;
    }
    expect(seen).toEqual(["e0", "c0", "e1", "c1", "e2"]);
  });

  test("without an event counts, too", async () => {
    const passed = [...eventsOf(1), { cursor: "c9", text: "id: c9\n\n" }];
    await using server = await ScriptedEvents.start(passed, { bytes: bytesOf(passed), end: "close" }, "live");
    const told: string[] = [];
    const stop = new AbortController();
    const { events } = new Razonete({ url: server.url });
    const options = { signal: stop.signal, onCursor: (cursor: string) => void told.push(cursor) };
    const reading = (async () => {
      for await (const { id } of events.stream(options)) expect(id).toBe("e0");
    })();
    await eventually("it is asked again", () => server.requests.length === 2);
    stop.abort();
    await reading;
    expect(told).toEqual(["c0", "c9"]);
    expect(server.after).toEqual([undefined, "c9"]);
  });

  test("that could not be stored ends the stream with the error of that", async () => {
    await using server = await ScriptedEvents.start(eventsOf(3), "live");
    const onCursor = () => Promise.reject(new Error("the disk is full"));
    expect(take(2, server, { onCursor })).rejects.toThrow("the disk is full");
    await eventually("the connection is closed", () => server.requests.length === 1 && server.open === 0);
  });
});

test("nothing more is read while the caller is at work", async () => {
  const events = eventsOf(1500, 32_000);
  await using server = await ScriptedEvents.start(events, "live");
  let count = 0;
  for await (const { id } of new Razonete({ url: server.url }).events.stream()) {
    expect(id).toBe(`e${count}`);
    count += 1;
    if (count === 1) {
      let before = -1;
      // Until the buffers of both ends are full. A kernel may give one connection up to 40 MB.
      for (; before !== server.bytesTaken; await Bun.sleep(300)) before = server.bytesTaken;
      expect(server.bytesTaken).toBeLessThan(48_000_000);
    }
    if (count === events.length) break;
  }
  expect(server.requests.length).toBe(1);
});

describe("a page", () => {
  test("is asked for as JSON, with all of its query, and waits as long as the ledger may", async () => {
    const page = { data: [{ id: "e0", type: "account.opened" }], next: "c0" };
    const late = Bun.sleep(400).then(() => ({ status: 200, body: page }));
    await using server = await ScriptedServer.start(late);
    const ledger = new Razonete({ url: server.url, attemptMs: 200, deadlineMs: 200 });
    const query = {
      account: "acme",
      types: ["account.opened"],
      after: "latest",
      limit: 5,
      wait: 10,
    } as const;
    expect(await ledger.events.list(query)).toEqual(Object(page));
    expect(server.requests).toMatchObject([
      {
        path: "/v1/events?account=acme&after=latest&limit=5&type=account.opened&wait=10",
        headers: { accept: "application/json" },
      },
    ]);
  });
});

function raw(body: string): Connected {
  return { status: 200, headers: { "content-type": "text/event-stream" }, body };
}
