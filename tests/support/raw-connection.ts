import { connect, type Socket } from "node:net";

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

const SILENCE_MILLISECONDS_MAX = 20_000;

/** A connection that sends bytes as they are, HTTP or not, and reads answers as they come. */
export class RawConnection implements Disposable {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #closed = false;
  #awake: () => void = () => {};

  /** @param localAddress whom the server takes it to come from */
  constructor(port: number, localAddress = "127.0.0.1") {
    this.#socket = connect({ port, host: "127.0.0.1", localAddress, noDelay: true });
    this.#socket.on("data", (bytes: Buffer) => {
      this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
      this.#awake();
    });
    // The server may close on what is no HTTP; every error ends in a close.
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      this.#closed = true;
      this.#awake();
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** @param end no more bytes will follow on this connection */
  send(bytes: Uint8Array, end = false): void {
    this.#socket.write(bytes);
    if (end) this.#socket.end();
  }

  /**
   * The next answer; `null` where the connection was closed instead.
   *
   * @param head the answer is one to HEAD, which has no body, whatever its headers say
   * @throws Error after a long silence
   */
  async answer(head = false): Promise<RawAnswer | null> {
    while (true) {
      const answer = this.#take(head);
      if (answer !== null && answer.status >= 200) return answer;
      // After a 1xx the real one follows.
      if (answer !== null) continue;
      if (this.#closed) return null;
      await this.#more();
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #take(head: boolean): RawAnswer | null {
    const end = this.#received.indexOf("\r\n\r\n");
    if (end === -1) return null;
    const [first = "", ...lines] = this.#received.subarray(0, end).toString("latin1").split("\r\n");
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1];
    if (status === undefined) throw new Error(`the server answered ${JSON.stringify(first)}`);
    const headers = new Map(
      lines.map((line): [string, string] => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const length = head ? 0 : Number(headers.get("content-length") ?? 0);
    const next = end + 4 + length;
    if (this.#received.length < next) return null;
    const body = this.#received.subarray(end + 4, next).toString("utf8");
    this.#received = this.#received.subarray(next);
    return { status: Number(status), headers, body };
  }

  async #more(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#awake = resolve;
    const timer = setTimeout(() => reject(new Error("the server hangs")), SILENCE_MILLISECONDS_MAX);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
  }
}
