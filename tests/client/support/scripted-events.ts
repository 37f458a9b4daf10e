import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Reply, SeenRequest } from "./scripted-server.ts";

/** What becomes of one connection to the events. */
export type Connected =
  | Reply
  /** The stream, ended after so many bytes: properly, or by a lost connection. */
  | { readonly bytes: number; readonly end: "close" | "lose" }
  /** All there is, and then nothing more: not even a comment. */
  | "silent"
  /** All there is, and comments after it. */
  | "live";

export interface ScriptedEvent {
  readonly cursor: string;
  readonly text: string;
}

/** A server with a fixed list of events, whose connections end as its script says; the last step is for all further ones. */
export class ScriptedEvents implements AsyncDisposable {
  readonly requests: Pick<SeenRequest, "path" | "headers" | "at">[] = [];
  /** Of all streams, what has been taken from this server. */
  bytesTaken = 0;
  /** Streams whose other end is there. */
  open = 0;
  readonly #events: readonly ScriptedEvent[];
  readonly #server: Server;
  readonly #steps: Connected[];

  private constructor(events: readonly ScriptedEvent[], steps: readonly Connected[]) {
    this.#events = events;
    this.#steps = [...steps];
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  static async start(
    events: readonly ScriptedEvent[],
    ...steps: readonly Connected[]
  ): Promise<ScriptedEvents> {
    const scripted = new ScriptedEvents(events, steps);
    await new Promise<void>((resolve) => {
      scripted.#server.listen(0, "127.0.0.1", resolve);
    });
    return scripted;
  }

  get url(): string {
    const { port }: AddressInfo = Object(this.#server.address());
    return `http://127.0.0.1:${port}`;
  }

  /** What each connection asked to go on after. */
  get after(): unknown[] {
    return this.requests.map(({ headers }) => headers["last-event-id"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #serve({ url: path = "", headers }: IncomingMessage, response: ServerResponse): void {
    this.requests.push({ path, headers, at: performance.now() });
    const step = this.#steps.length > 1 ? this.#steps.shift() : this.#steps[0];
    if (step === undefined) throw new Error("there is no step");
    if (typeof step === "object" && "status" in step) {
      response.writeHead(step.status, { "content-type": "application/json", ...step.headers });
      response.end(typeof step.body === "string" ? step.body : JSON.stringify(step.body));
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    response.flushHeaders();
    this.open += 1;
    response.on("close", () => {
      this.open -= 1;
    });
    const { after } = Object.fromEntries(new URL(path, this.url).searchParams);
    const from = headers["last-event-id"] ?? after;
    const left = this.#events.slice(this.#events.findIndex(({ cursor }) => cursor === from) + 1);
    const bytes = Buffer.from(`retry: 1\n\n${left.map(({ text }) => text).join("")}`);
    if (typeof step === "object") this.#write(response, bytes.subarray(0, step.bytes), step.end);
    else this.#write(response, bytes, step);
  }

  /** As fast as the other end takes it. */
  #write(response: ServerResponse, bytes: Buffer, then: "close" | "lose" | "silent" | "live"): void {
    const piece = bytes.subarray(0, 65_536);
    if (piece.length > 0) {
      response.write(piece, () => {
        this.bytesTaken += piece.length;
        this.#write(response, bytes.subarray(piece.length), then);
      });
    } else if (then === "close") response.end();
    else if (then === "lose") response.socket?.destroy();
    else if (then === "live") {
      const comments = setInterval(() => response.write(": \n\n"), 50);
      response.on("close", () => clearInterval(comments));
    }
  }
}
