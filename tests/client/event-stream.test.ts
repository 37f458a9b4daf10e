import { describe, expect, test } from "bun:test";
import { EventStreamParser, eventsIn, type StreamEvent } from "../../client/src/event-stream.ts";

/** What is read out of a text/event-stream, by the HTML standard, however its bytes are cut. */

const bytesOf = (text: string) => new TextEncoder().encode(text);

function read(chunks: readonly Uint8Array[]): [StreamEvent[], string, number | null] {
  const parser = new EventStreamParser();
  return [chunks.flatMap((chunk) => parser.push(chunk)), parser.lastId, parser.retryMs];
}

const event = (data: string, id = "", type = "message"): StreamEvent => ({ id, type, data });

/** Texts, and the events, the last id and the time to wait that they give. */
const STREAMS: readonly [
  name: string,
  text: string,
  events: StreamEvent[],
  id?: string,
  retry?: number | null,
][] = [
  [
    "an event with everything",
    "id: c1\nevent: hold.created\ndata: {}\n\n",
    [event("{}", "c1", "hold.created")],
    "c1",
  ],
  ["lines that end by CR", "id: 1\rdata: a\r\rdata: b\r\r", [event("a", "1"), event("b", "1")], "1"],
  [
    "lines that end by CRLF",
    "id: 1\r\ndata: a\r\n\r\ndata: b\r\n\r\n",
    [event("a", "1"), event("b", "1")],
    "1",
  ],
  ["ends of all kinds", "data: a\r\ndata: b\rdata: c\n\r\ndata: d\n\r", [event("a\nb\nc"), event("d")]],
  ["data of several lines", "data: a\ndata:\ndata: b\n\n", [event("a\n\nb")]],
  ["data that are empty", "data\n\ndata:\n\ndata: \n\n", [event(""), event(""), event("")]],
  ["one blank after the colon alone", "data:  a \ndata:b:c\n\n", [event(" a \nb:c")]],
  ["a BOM, and one that is text", "\uFEFFdata: \uFEFFa\n\n", [event("\uFEFFa")]],
  ["text of more than ASCII", "data: ação 🦆 \u2028 \u0085\n\n", [event("ação 🦆 \u2028 \u0085")]],
  ["comments and unknown fields", ": hello\n:\ndatum: a\nfoo\n data: b\n\ndata: c\n\n", [event("c")]],
  ["a type of one event only", "event: a\ndata: 1\n\ndata: 2\n\n", [event("1", "", "a"), event("2")]],
  ["a type without data", "event: a\n\ndata: 1\n\n", [event("1")]],
  [
    "an id that stays until the next",
    "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
    [event("a", "1"), event("b", "1"), event("c")],
  ],
  ["an id without data", "id: 1\ndata: a\n\nid: 2\n\n", [event("a", "1")], "2"],
  ["an id with NUL", "id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n", [event("a", "1"), event("b", "1")], "1"],
  ["a time to wait", "retry: 1000\n\nretry: 5s\nretry: -1\nretry:\n\n", [], "", 1000],
  ["an event that is cut off", "id: 1\ndata: a\n\nid: 2\ndata: b\n", [event("a", "1")], "1"],
  ["nothing", "", []],
];

describe.each(STREAMS)("%s", (_, text, events, id = "", retry = null) => {
  const bytes = bytesOf(text);
  const wanted = [events, id, retry];

  test("is read, whole and byte by byte", () => {
    expect(read([bytes])).toEqual(Object(wanted));
    expect(read(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(Object(wanted));
  });

  test("is read, cut at every two places", () => {
    for (let first = 0; first <= bytes.length; first += 1)
      for (let second = first; second <= bytes.length; second += 1) {
        const chunks = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)];
        expect([first, second, ...read(chunks)]).toEqual([first, second, ...Object(wanted)]);
      }
  });
});

test("an event is there with its last byte, also where that is a CR", () => {
  const parser = new EventStreamParser();
  expect(parser.push(bytesOf("data: a\n"))).toEqual([]);
  expect(parser.push(bytesOf("\r"))).toEqual([event("a")]);
  expect(parser.push(bytesOf("\ndata: b\r"))).toEqual([]);
  expect(parser.push(bytesOf("\n\n"))).toEqual([event("b")]);
});

describe("eventsIn", () => {
  /** A body of these chunks that notes what is asked of it. */
  function bodyOf(chunks: readonly string[], end: "close" | "error" = "close") {
    const seen = { pulls: 0, cancelled: false };
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const chunk = chunks[seen.pulls];
          seen.pulls += 1;
          if (chunk !== undefined) controller.enqueue(bytesOf(chunk));
          else if (end === "close") controller.close();
          else controller.error(new Error("the connection is lost"));
        },
        cancel() {
          seen.cancelled = true;
        },
      },
      { highWaterMark: 0 },
    );
    return { body, seen };
  }

  test("gives all events of a body, and ends with it", async () => {
    const { body } = bodyOf(["data: a\n", "\ndata: b\n\ndata: c", "\n\ndata: cut"]);
    const data: string[] = [];
    for await (const one of eventsIn(body)) data.push(one.data);
    expect(data).toEqual(["a", "b", "c"]);
  });

  test("reads no further than it is asked for", async () => {
    const { body, seen } = bodyOf(["data: a\n\ndata: b\n\n", "data: c\n\n"]);
    const events = eventsIn(body);
    await events.next();
    await events.next();
    expect(seen.pulls).toBe(1);
    await events.next();
    expect(seen.pulls).toBe(2);
  });

  test("closes the body where its reader is done", async () => {
    const { body, seen } = bodyOf(["data: a\n\ndata: b\n\n"]);
    for await (const { data } of eventsIn(body)) if (data === "a") break;
    expect(seen).toEqual({ pulls: 1, cancelled: true });
  });

  test("throws what the body throws, after what had come", async () => {
    const { body } = bodyOf(["data: a\n\n"], "error");
    const events = eventsIn(body);
    expect((await events.next()).value).toEqual(event("a"));
    expect(events.next()).rejects.toThrow("the connection is lost");
  });
});
