import { expect, test } from "bun:test";
import { formatCursor, parseCursor } from "../../src/events/cursor.ts";
import { EVENT_TYPES } from "../../src/events/public-event.ts";
import { readPage } from "../support/followers/event-client.ts";
import { done } from "./support/mixed-load.ts";
import { RawReader } from "./support/raw-reader.ts";

/** What may be asked for, in which words, and how it is asked on the wire. */
export function requestsSection(urlOf: () => string): void {
  const portOf = () => Number(new URL(urlOf()).port);

  /** The status and the type of what comes, for a stream without waiting for its end; of a refusal what is wrong. */
  async function ask(query: string, headers: Record<string, string> = {}): Promise<unknown[]> {
    const stop = new AbortController();
    const response = await fetch(`${urlOf()}/v1/events?${query}`, { headers, signal: stop.signal });
    const type = response.headers.get("content-type");
    const parameters = type?.endsWith("problem+json")
      ? [
          Object(await response.json())
            .errors?.map((error: object) => Object(error).parameter)
            .join(),
        ]
      : [];
    stop.abort();
    return [response.status, type, ...parameters];
  }

  const PAGE = [200, "application/json"];
  const STREAM = [200, "text/event-stream"];
  const wrong = (parameter: string) => [422, "application/problem+json", parameter];

  const WRONG: readonly (readonly [query: string, parameter: string])[] = [
    ["type=account.opened&type=hold.created", "type"],
    ["type=", "type"],
    ["type=account.opened,", "type"],
    ["type=account.opened,%20hold.created", "type"],
    ["type=ACCOUNT.OPENED", "type"],
    ["type=*", "type"],
    ["account=1&account=2", "account"],
    ["account=", "account"],
    ["account=%40world", "account"],
    [`account=${"a".repeat(65)}`, "account"],
    [`account=${"a".repeat(5_000)}`, "account"],
    ["account=1%00", "account"],
    ["wait=-1", "wait"],
    ["wait=1.5", "wait"],
    ["wait=", "wait"],
    ["wait=0x10", "wait"],
    ["wait=99999999999999999999", "wait"],
    ["wait=1&wait=1", "wait"],
    ["limit=101", "limit"],
    ["after=", "after"],
    ["after=LATEST", "after"],
    ["after=first", "after"],
    ["after=latest&after=latest", "after"],
    [`after=${"A".repeat(5_000)}`, "after"],
    ["after=%F0%9F%92%A9", "after"],
    ["wait=99&limit=0", "limit,wait"],
  ];

  test("what is unknown, given twice, too long or out of range is refused, as a page and as a stream", async () => {
    for (const [query, parameter] of WRONG) {
      expect([query, await ask(query)]).toEqual([query, wrong(parameter)]);
      expect([query, await ask(query, { accept: "text/event-stream" })]).toEqual([query, wrong(parameter)]);
    }
  });

  test("types may be many, and the same ones again", async () => {
    const all = Array.from({ length: 40 }, () => EVENT_TYPES.join(",")).join(",");
    expect((await readPage(urlOf(), `type=${all}&limit=5`)).events).toEqual(
      (await readPage(urlOf(), "limit=5")).events,
    );
  });

  const ACCEPT: readonly (readonly [accept: string, kind: unknown[]])[] = [
    ["text/event-stream", STREAM],
    ["Text/Event-Stream; charset=utf-8", STREAM],
    ["application/json;q=0.5, text/event-stream", STREAM],
    ["text/event-stream, */*;q=0.1", STREAM],
    ["application/json, text/event-stream", STREAM],
    ["text/event-stream;q=0.5, application/json", PAGE],
    ["text/event-stream;q=0", PAGE],
    ["text/*", PAGE],
    ["*/*", PAGE],
    ["text/html", PAGE],
  ];

  test("a stream comes where it is preferred by name, else pages", async () => {
    for (const [accept, kind] of ACCEPT)
      expect([accept, await ask("limit=1", { accept })]).toEqual([accept, kind]);
  });

  test("a cursor of what is still to come is none of this ledger's", async () => {
    const { next } = await readPage(urlOf(), "after=latest");
    const ahead = formatCursor((parseCursor(next) ?? []).map((one) => ({ ...one, g: one.g + 1_000_000 })));
    expect(await ask(`after=${ahead}`)).toEqual([410, "application/problem+json", undefined]);
    expect(await ask("", { accept: "text/event-stream", "last-event-id": ahead })).toEqual([
      410,
      "application/problem+json",
      undefined,
    ]);
  });

  test("two headers Last-Event-ID are none; an empty one is as if it was not there", async () => {
    const { next } = await readPage(urlOf(), "limit=1");
    const twice = ["GET /v1/events HTTP/1.1", "Host: x", `Last-Event-ID: ${next}`, `Last-Event-ID: ${next}`];
    using asked = new RawReader(portOf(), [...twice, "Connection: close"]);
    expect(await asked.whole()).toMatch(/^HTTP\/1\.1 422 .*"parameter":"Last-Event-ID"/s);
    const response = await fetch(`${urlOf()}/v1/events?after=${next}&limit=1`, {
      headers: { "last-event-id": "" },
    });
    const { events } = await readPage(urlOf(), `after=${next}&limit=1`);
    expect(Object(await response.json()).data).toMatchObject([{ id: events[0]?.id }]);
  });

  test("events are only read", async () => {
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      const response = await fetch(`${urlOf()}/v1/events`, {
        method,
        headers: { accept: "text/event-stream" },
      });
      expect(response.status).toBe(405);
      await response.body?.cancel();
    }
  });

  test("with HTTP/1.0 a page comes whole, and a stream without frames of chunks, as it happens", async () => {
    using page = new RawReader(portOf(), ["GET /v1/events?limit=2 HTTP/1.0"]);
    const [, body = ""] = (await page.whole()).split("\r\n\r\n");
    expect(JSON.parse(body).data).toHaveLength(2);
    using stream = new RawReader(portOf(), [
      "GET /v1/events?after=latest HTTP/1.0",
      "Accept: text/event-stream",
    ]);
    expect(await stream.until("\n\n")).toBe(true);
    const postings = [{ from: "@world", to: "1", amount: 1 }];
    const { id } = await done(urlOf(), "/v1/transactions", { postings }, 201);
    expect(await stream.until(new RegExp(`^data: [^\\n]*"id":"${String(id)}"[^\\n]*\\n\\n`, "m"))).toBe(true);
    const [head = "", told = ""] = stream.text.split("\r\n\r\n");
    expect(head).not.toMatch(/transfer-encoding/i);
    expect(told).toStartWith("retry: ");
    expect(told).not.toContain("\r\n");
  });

  test("who ends its side of the connection has its page all the same", async () => {
    using page = new RawReader(portOf(), ["GET /v1/events?limit=2 HTTP/1.1", "Host: x", "Connection: close"]);
    page.halfClose();
    const [, body = ""] = (await page.whole()).split("\r\n\r\n");
    expect(JSON.parse(body).data).toHaveLength(2);
  });
}
