import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { EventHub } from "../../src/events/event-hub.ts";
import { FileJournal } from "../../src/events/file-journal.ts";
import { docsRoutes } from "../../src/http/docs/routes.ts";
import { type Example, EXAMPLES } from "../../src/http/openapi/examples.ts";
import type { DocumentedOperation } from "../../src/http/openapi/documented-operation.ts";
import { OPERATIONS } from "../../src/http/openapi/operations.ts";
import { ROUTES } from "../../src/http/routes.ts";
import { openLog } from "../../src/log/log.ts";
import { startHttpServer } from "../../src/http/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { Client } from "./support/client.ts";
import { documentedOutcomes } from "./support/conformity.ts";

/** The OpenAPI document itself. That requests and answers keep to it is checked wherever the client of these tests is used. */

const documented = Object.entries<DocumentedOperation>(OPERATIONS);

test("every route and method is in it, but the page that shows it", () => {
  const served = Object.entries(ROUTES)
    .filter(([path]) => !(path in docsRoutes))
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`));
  const told = documented.map(
    ([, { method, path }]) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`,
  );
  expect(told.toSorted()).toEqual(served.toSorted());
});

describe("its examples", () => {
  const folder = temporaryFolder();
  const file = join(folder.path, "razonete.db");
  const journal = new FileJournal(file, "here");
  const onCommitted = journal.committed;
  const ledger = new EmbeddedLedger({ file, initialAccounts: false, onCommitted });
  const server = startHttpServer(ledger, {
    address: { host: "127.0.0.1", port: 0 },
    events: new EventHub({ journal, log: openLog("events", "people") }),
    onDefect: (message) => {
      throw new Error(message);
    },
  });
  const client = new Client(() => server.url);
  /** What this ledger calls what has another id, or cursor, in the examples. */
  const names = new Map<string, string>();
  afterAll(async () => {
    await server.stop();
    await ledger.close();
    folder[Symbol.dispose]();
  });
  beforeAll(() => expect(EXAMPLES.length).toBeGreaterThan(50));

  // In their order: each goes on from what those before it did.
  test.each(EXAMPLES.map((example) => [example.operation, example.name, example] as const))(
    "%s, %s: is answered so",
    async (operation, _, example) => {
      const { method } = OPERATIONS[operation];
      const path = translated(example.path, names);
      const { body, headers = {} } = example;
      const reply = await (method === "get"
        ? client.get(path, { headers })
        : client.send(method.toUpperCase(), path, body, headers));
      expect(reply.status).toBe(example.status);
      const answer = typeof example.answer === "string" ? await reply.text() : await reply.json();
      learn(example.answer, answer, names);
      expect(timeless(answer)).toEqual(
        timeless(JSON.parse(translated(JSON.stringify(example.answer), names))),
      );
    },
  );

  test("show every operation, and every refusal of the ledger and of the form", () => {
    const shown = new Set(EXAMPLES.map(outcomeOf));
    const operations = new Set<string>(EXAMPLES.map(({ operation }) => operation));
    expect(documented.map(([id]) => id).filter((id) => !operations.has(id))).toEqual(["readDocument"]);
    const problems = new Set(documentedOutcomes().map((outcome) => outcome.replace(/^\w+ /, "")));
    const without = [...problems].filter((name) => ![...shown].some((one) => one.endsWith(` ${name}`)));
    expect(without.toSorted()).toEqual([
      "body-too-large",
      "internal-error",
      "key-invalid",
      "key-missing",
      "ledger-unavailable",
      "malformed-request",
      "not-ready",
      "request-timeout",
      "scope-missing",
      "shards-apart",
      "too-many-requests",
    ]);
  });
});

function outcomeOf({ operation, status, answer }: Example): string {
  const type = String(Object(answer).type);
  return `${operation} ${status < 400 ? status : type.slice("urn:razonete:problem:".length)}`;
}

function translated(text: string, names: ReadonlyMap<string, string>): string {
  let done = text;
  for (const [theirs, ours] of names) done = done.replaceAll(theirs, ours);
  return done;
}

/** Ids of transactions, holds and events, and cursors, differ from run to run: each pair in the same place means the same. */
function learn(theirs: unknown, ours: unknown, names: Map<string, string>): void {
  if (typeof theirs === "string" && typeof ours === "string") {
    const isMade = /^[the]\d+-\d+-\d+-\d+$/.test(theirs) || /^(?:[\w-]{16,}|AQ[\w-]{8,})$/.test(theirs);
    if (isMade && theirs !== ours) names.set(theirs, ours);
    return;
  }
  if (typeof theirs !== "object" || theirs === null) return;
  for (const [name, value] of Object.entries(theirs)) learn(value, Object(ours)[name], names);
}

/** Without what depends on the moment. */
function timeless(json: unknown): unknown {
  return JSON.parse(
    JSON.stringify(json)
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/g, "a time")
      .replaceAll(/[the]\d+-\d+-\d+-\d+/g, "an id"),
  );
}
