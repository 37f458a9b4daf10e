import { join } from "node:path";
import type { ConsoleStatus } from "../../../../src/console/console-status.ts";

/** A server that has the console's page and answers as a ledger does that decides so many transactions a second. */
export interface BusyServer {
  readonly url: string;
  /** How many events it has told of. */
  readonly told: number;
  /** How often it was asked how it does; by its clock a second goes by each time. */
  readonly asked: number;
  stop(): Promise<void>;
}

const DIST = join(import.meta.dir, "../../../../src/console/dist");
const TYPES: Readonly<Record<string, string>> = { htm: "text/html", css: "text/css", js: "text/javascript" };
const TELL_MILLISECONDS = 50;

export function startBusyServer(eventsASecond: number): BusyServer {
  let told = 0;
  let asked = 0;
  const started = Date.now();
  const file = (name: string): Response =>
    new Response(Bun.file(join(DIST, name)), {
      headers: { "content-type": TYPES[name.split(".")[1] ?? ""] ?? "" },
    });
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    routes: {
      "/": () => file("console.htm"),
      "/console/console.css": () => file("console.css"),
      "/console/console.js": () => file("console.js"),
      "/console/status": () => Response.json(statusAt(started + ++asked * 1_000, eventsASecond)),
      "/v1/key": () =>
        Response.json({ name: null, scopes: ["admin"], accounts: "*", expires_at: null, rate: null }),
      "/v1/transactions": () => Response.json({ data: [], next: null }),
      "/v1/holds": () => Response.json({ data: [], next: null }),
      "/v1/events": () => {
        let timer: ReturnType<typeof setInterval> | undefined;
        const body = new ReadableStream<Uint8Array>({
          start: (reader) => {
            timer = setInterval(() => {
              const count = (eventsASecond * TELL_MILLISECONDS) / 1_000;
              reader.enqueue(Buffer.from(Array.from({ length: count }, () => eventText(++told)).join("")));
            }, TELL_MILLISECONDS);
          },
          cancel: () => clearInterval(timer),
        });
        return new Response(body, { headers: { "content-type": "text/event-stream" } });
      },
    },
    fetch: () => new Response("{}", { status: 404 }),
  });
  return {
    url: server.url.href,
    get told() {
      return told;
    },
    get asked() {
      return asked;
    },
    stop: () => server.stop(true),
  };
}

function eventText(number: number): string {
  const at = new Date().toISOString();
  const [from, to] = [`from-${number % 5_000}`, `to-${number % 3_000}`];
  const state = {
    unit: "BRL/2",
    state: "open",
    credit_limit: 0,
    balance: number,
    held: 0,
    available: number,
    seq: number,
    opened_at: at,
  };
  const data = {
    id: `t0-${number}-0-1`,
    postings: [{ from, to, amount: number }],
    description: null,
    reference: null,
    metadata: {},
    reverses: null,
    hold: null,
    created_at: at,
    accounts: { [from]: { id: from, ...state }, [to]: { id: to, ...state } },
  };
  const event = { id: `e0-${number}-0-1`, type: "transaction.created", at, data };
  return `id: ${number}\nevent: transaction.created\ndata: ${JSON.stringify(event)}\n\n`;
}

function statusAt(time: number, transactions: number): ConsoleStatus {
  const at = new Date(time).toISOString();
  return {
    at,
    shape: "embedded",
    version: "0.1.0",
    second: { transactions, refusals: 3, p50_ms: 1, p99_ms: 4 },
    books: { lag_ms: 0, batches: 0 },
    outbox: null,
    parts: [{ name: "server", state: "up", since: at, detail: null }],
    audit: null,
    units: [{ unit: "BRL/2", balances: "1", world: "-1", in_transit: "0" }],
    refusals: [{ problem: "limit-exceeded", count: Math.floor(time / 1_000) }],
    webhooks: { active: 0, failing: 0, parked: 0, backlog: 0 },
  };
}
