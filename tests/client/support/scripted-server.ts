import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the server does with one request. */
export type Step =
  | Reply
  /** Closes the connection without an answer. */
  | "close"
  /** Closes it in the middle of an answer, a 201. */
  | "cut"
  /** Never answers. */
  | "hang"
  /** Answers later, with what becomes of the promise. */
  | Promise<Reply>;

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** As it is where it is a text, else as JSON. */
  readonly body?: unknown;
}

export interface SeenRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** By performance.now(). */
  readonly at: number;
}

/** A server that does what its script says, step by step; the last one again for all further requests. */
export class ScriptedServer implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  readonly #server: Server;
  readonly #steps: Step[];

  private constructor(steps: readonly Step[]) {
    this.#steps = [...steps];
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(...steps: readonly Step[]): Promise<ScriptedServer> {
    const scripted = new ScriptedServer(steps);
    await new Promise<void>((resolve) => {
      scripted.#server.listen(0, "127.0.0.1", resolve);
    });
    return scripted;
  }

  get url(): string {
    const { port }: AddressInfo = Object(this.#server.address());
    return `http://127.0.0.1:${port}`;
  }

  get keys(): unknown[] {
    return this.requests.map(({ headers }) => headers["idempotency-key"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const at = performance.now();
    const chunks: Buffer[] = [];
    request.on("error", () => {});
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const { method = "", url = "", headers } = request;
    this.requests.push({ method, path: url, headers, body: Buffer.concat(chunks).toString(), at });
    const step = this.#steps.length > 1 ? this.#steps.shift() : this.#steps[0];
    if (step === "hang") return;
    if (step === undefined || step === "close") {
      request.socket.destroy();
    } else if (step === "cut") {
      response.writeHead(201, { "content-type": "application/json", "content-length": "100" });
      response.write('{"id": "cut o');
      setTimeout(() => request.socket.destroy(), 20);
    } else {
      const { status, headers: more = {}, body = "" } = await step;
      response.writeHead(status, { "content-type": "application/json", ...more });
      response.end(typeof body === "string" ? body : JSON.stringify(body));
    }
  }
}

/** An answer of the ledger's with a problem. */
export function problem(status: number, name: string, members: object = {}): Reply {
  const type = `urn:razonete:problem:${name}`;
  return { status, body: { type, title: `It is ${name}`, status, detail: "Do something.", ...members } };
}

export const created: Reply = { status: 201, body: { id: "t1" } };
export const replayed: Reply = {
  status: 201,
  headers: { "idempotency-replayed": "true" },
  body: { id: "t1" },
};
export const unavailable = (outcome: "none" | "unknown"): Reply => ({
  ...problem(503, "ledger-unavailable", { outcome }),
});
