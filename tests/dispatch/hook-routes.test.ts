import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import type { HookStore } from "../../src/hooks/hook-store.ts";
import { type HttpServer, startHttpServer } from "../../src/http/server.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();

const WRONG_IDS = [
  "%00",
  "w%00",
  "%0A",
  "w%20x",
  "w%7F",
  "%ED%A0%80",
  "a%2Fb",
  "%F0%9F%98%80",
  "w".repeat(65),
];

const ROUTES = [
  ["GET", "webhooks", "", undefined],
  ["PATCH", "webhooks", "", { state: "paused" }],
  ["DELETE", "webhooks", "", undefined],
  ["POST", "webhooks", "/secret", {}],
  ["POST", "webhooks", "/replay", { from: "2026-01-01T00:00:00Z" }],
  ["GET", "webhooks", "/deliveries", undefined],
  ["GET", "watches", "", undefined],
  ["DELETE", "watches", "", undefined],
  ["GET", "watches", "/crossings", undefined],
] as const;

describe("routes of webhooks and watches", () => {
  let folder: TemporaryFolder;
  let ledger: EmbeddedLedger;
  let server: HttpServer;
  /** What the store was asked. */
  const asked: string[] = [];

  const none =
    <T>(name: string, answer: T) =>
    async (): Promise<T> => {
      asked.push(name);
      return answer;
    };
  const hooks: HookStore = {
    submit: async (_, { answerOf }) => {
      asked.push("submit");
      const outcome = { type: "too-many", what: "webhooks", max: 100 } as const;
      return { type: "answered", replayed: false, ...answerOf(outcome) };
    },
    webhooks: none("webhooks", { items: [], next: null }),
    webhook: none("webhook", null),
    deleteWebhook: none("deleteWebhook", false),
    deliveries: none("deliveries", null),
    watches: none("watches", { items: [], next: null }),
    watch: none("watch", null),
    deleteWatch: none("deleteWatch", false),
    crossings: none("crossings", null),
    close: async () => {},
  };

  beforeAll(() => {
    folder = temporaryFolder("hook-routes");
    ledger = new EmbeddedLedger({ file: join(folder.path, "razonete.db") });
    server = startHttpServer(ledger, {
      address: { host: "127.0.0.1", port: 0 },
      hooks,
      onDefect: (line) => asked.push(line),
    });
  });
  afterAll(async () => {
    await server.stop();
    await ledger.close();
    folder[Symbol.dispose]();
  });

  async function send(method: string, path: string, body?: object) {
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`${server.url}/v1/${path}`, { method, ...content });
    return { status: answer.status, json: JSON.parse(await answer.text()) };
  }

  test("an id that could be none is not there, before any store is asked", async () => {
    for (const [method, list, below, body] of ROUTES) {
      for (const id of WRONG_IDS) {
        const { status, json } = await send(method, `${list}/${id}${below}`, body);
        const type = `urn:razonete:problem:${list === "webhooks" ? "webhook" : "watch"}-not-found`;
        expect([method, list, below, id, status, json.type]).toEqual([method, list, below, id, 404, type]);
      }
    }
    expect(asked).toEqual([]);
    expect((await send("GET", "webhooks/w0")).status).toBe(404);
    expect(asked.splice(0)).toEqual(["webhook"]);
  });

  test("a url with what URLs do not have is wrong, before any store is asked", async () => {
    for (const url of [
      "",
      "http://h/s\0x",
      "https://h.example/a b",
      " https://h.example/",
      "https://h.example/\n",
      "https://h.ex\tample/",
      "https://h.example/\u007f",
      "https://h.example/\u0085",
      "https://h.example/\u00a0",
      "https://h.example/\u2028",
      "https://h.example/\ufeff",
      "https://h.example/\ud800",
      `https://h.example/${"x".repeat(2000)}`,
    ]) {
      for (const [method, path] of [
        ["POST", "webhooks"],
        ["PATCH", "webhooks/w0"],
      ] as const) {
        const { status, json } = await send(method, path, { url });
        expect([url, method, status, json.errors]).toEqual([
          url,
          method,
          422,
          [expect.objectContaining({ pointer: "#/url" })],
        ]);
        expect(json.detail).toContain(
          "url must be a URL of up to 2000 characters, without blanks and control",
        );
      }
    }
    expect(asked).toEqual([]);
  });

  test("one that has none of that is handed on", async () => {
    for (const url of ["https://h.example/\u{1f4b8}?a=%20b", "https://h\u00e9.example/"]) {
      await send("POST", "webhooks", { url });
      expect(asked.splice(0)).toEqual(["submit"]);
    }
  });

  test("one webhook too many, and a wrong prefix, are told in words that fit", async () => {
    const many = await send("POST", "webhooks", { url: "https://h.example/" });
    expect([many.status, many.json.detail]).toEqual([
      422,
      "Correct the request: this access key has 100 webhooks, and can have no more: delete some first.",
    ]);
    asked.length = 0;
    for (const prefix of ["", "a b", "x".repeat(65)]) {
      const { status, json } = await send("POST", "watches", { prefix, available_lt: 5 });
      expect([status, json.detail]).toEqual([
        422,
        "Correct the request: prefix must be the beginning of ids of accounts: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -.",
      ]);
    }
    expect(asked).toEqual([]);
  });
});
