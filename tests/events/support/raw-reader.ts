import { connect, type Socket } from "node:net";

/** A stream as its bytes come: `fetch` has no more than 256 requests under way, and knows one version of HTTP. */
export class RawReader implements Disposable {
  text = "";
  /** The server has sent all that it will. */
  isOver = false;
  readonly #socket: Socket;
  #awake: () => void = () => {};

  /** @param head the lines of the request, without those that end it */
  constructor(port: number, head: readonly string[], address = "127.0.0.1") {
    this.#socket = connect({ port, host: "127.0.0.1", localAddress: address, allowHalfOpen: true });
    this.#socket.on("data", (bytes: Buffer) => {
      this.text += bytes.toString("latin1");
      this.#awake();
    });
    this.#socket.on("error", () => {});
    for (const end of ["end", "close"] as const)
      this.#socket.on(end, () => {
        this.isOver = true;
        this.#awake();
      });
    this.#socket.write(`${head.join("\r\n")}\r\n\r\n`);
  }

  /** Nothing more will be asked. */
  halfClose(): void {
    this.#socket.end();
  }

  /** @returns whether it came before the end */
  async until(what: string | RegExp): Promise<boolean> {
    const isThere = (): boolean =>
      typeof what === "string" ? this.text.includes(what) : what.test(this.text);
    while (!isThere()) {
      if (this.isOver) return false;
      await new Promise<void>((resolve) => (this.#awake = resolve));
    }
    return true;
  }

  /** To the end. */
  async whole(): Promise<string> {
    while (!this.isOver) await new Promise<void>((resolve) => (this.#awake = resolve));
    return this.text;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** What a stream is asked for with. */
export function streamHead(query = "", headers: readonly string[] = []): readonly string[] {
  return [`GET /v1/events?${query} HTTP/1.1`, "Host: x", "Accept: text/event-stream", ...headers];
}
