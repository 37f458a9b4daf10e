import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { BooksSnapshot } from "../../../proof/torture/system/system-under-test.ts";
import { EmbeddedLedger } from "../../../src/embedded/embedded-ledger.ts";
import { type HttpServer, startHttpServer } from "../../../src/http/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** What goes wrong with one request. */
export type Trouble =
  | "closed-before"
  | "closed-after"
  | "half-an-answer"
  | "no-answer"
  | "not-done"
  | "unknown"
  | "no-json"
  | "defect";

export interface Received {
  /** Of the command, see `markOfRequest`. */
  readonly mark: string;
  readonly key: string | null;
  /** Of the access key; empty for none. */
  readonly token: string;
  readonly trouble: Trouble | null;
  /** Of the TCP connection. */
  readonly connection: number;
}

interface Body {
  readonly descricao?: string;
  readonly name?: string;
  readonly reference?: string;
  readonly credit_limit?: number;
}

/** By what a command is told from others: its description, name, reference or limit; empty where it has none of these. */
export function markOfRequest(path: string, body: Body): string {
  const { descricao, name, reference, credit_limit: limit } = body;
  return descricao ?? name ?? reference ?? (limit === undefined ? "" : `${path} ${limit}`);
}

/** The embedded ledger behind its edge, with a hand before it that does wrong what a test wants. */
export class StandInLedger {
  readonly received: Received[] = [];
  /** What goes wrong with the next request. */
  trouble: () => Trouble | null = () => null;
  connections = 0;
  /** Access keys that it refuses. All others, and none, are good. */
  readonly denied = new Set<string>();
  #inner: { readonly server: HttpServer; readonly stop: () => Promise<void> } | null = null;
  readonly #connections = new WeakMap<object, number>();
  readonly #server: Server = createServer((request, response) => {
    this.#handle(request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });

  async start(): Promise<string> {
    const folder = temporaryFolder("stand-in");
    const ledger = new EmbeddedLedger({ file: join(folder.path, "razonete.db") });
    const server = startHttpServer(ledger, {
      address: { host: "127.0.0.1", port: 0 },
      onDefect: (message) => {
        throw new Error(message);
      },
    });
    const stop = async (): Promise<void> => {
      await server.stop();
      await ledger.close();
      folder[Symbol.dispose]();
    };
    this.#inner = { server, stop };
    this.#server.on("connection", (socket) => {
      this.connections += 1;
      this.#connections.set(socket, this.connections);
    });
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the server has no port");
    return `http://127.0.0.1:${address.port}`;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
    await this.#inner?.stop();
  }

  /** It keeps none. */
  books(): BooksSnapshot {
    return { accounts: [], entries: [], holds: [], reversals: [], journal: [] };
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    request.setEncoding("utf8");
    for await (const piece of request) text += String(piece);
    const path = request.url ?? "";
    const header = request.headers["idempotency-key"];
    const key = typeof header === "string" ? header : null;
    const trouble = this.trouble();
    const connection = this.#connections.get(request.socket) ?? 0;
    const mark = text === "" ? "" : markOfRequest(path, JSON.parse(text));
    const token = (request.headers.authorization ?? "").replace("Bearer ", "");
    this.received.push({ mark, key, token, trouble, connection });

    if (this.denied.has(token)) return problem(response, 401, "key-invalid", {});
    if (trouble === "closed-before") return void request.socket.destroy();
    if (trouble === "not-done") return unavailable(response, "none");
    const answer = await fetch(`${this.#inner?.server.url}${path}`, {
      method: request.method ?? "GET",
      headers: key === null ? {} : { "idempotency-key": key },
      ...(text === "" ? {} : { body: text }),
    });
    const body = await answer.text();
    switch (trouble) {
      case null:
        return void response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(body);
      case "closed-after":
        return void request.socket.destroy();
      case "half-an-answer":
        return void request.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{"limite":');
      case "no-answer":
        return;
      case "unknown":
        return unavailable(response, "unknown");
      case "no-json":
        return void response.writeHead(200).end("<html>");
      case "defect":
        return problem(response, 500, "internal-error", {});
    }
  }
}

function unavailable(response: ServerResponse, outcome: string): void {
  problem(response, 503, "ledger-unavailable", { outcome });
}

function problem(response: ServerResponse, status: number, name: string, members: object): void {
  const body = { type: `urn:razonete:problem:${name}`, title: name, status, detail: "", ...members };
  const headers = { "content-type": "application/problem+json", "retry-after": "1" };
  response.writeHead(status, headers).end(JSON.stringify(body));
}
