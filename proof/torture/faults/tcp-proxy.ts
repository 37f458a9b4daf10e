import { connect, createServer, type Server, type Socket } from "node:net";

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  /** Only the first half of what its client sends next arrives. */
  torn: boolean;
}

/**
 * A bad network between clients and a server on this machine: it cuts connections, loses replies of the server, or
 * holds everything back. What a client sends always arrives, even if the connection is cut right after; except with
 * {@link tear}, which cuts in the middle.
 */
export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #replyBytesLeft = Number.POSITIVE_INFINITY;
  #bytesBetweenLosses = Number.POSITIVE_INFINITY;
  #held: "nothing" | "replies" | "everything" = "nothing";
  /** How often replies were lost. */
  losses = 0;
  /** How many connections were cut, by {@link cut} or {@link tear}. */
  cuts = 0;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** @param target the server's port on 127.0.0.1 */
  static async start(target: number): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", resolve);
    });
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const proxy = new TcpProxy(server, address.port);
    server.on("connection", (client) => proxy.#accept(client, target));
    return proxy;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Cuts every connection; new ones are accepted. */
  cut(): void {
    this.cuts += this.#pairs.size;
    for (const pair of this.#pairs) this.#disconnect(pair);
  }

  /** Cuts each connection when its client next sends something, of which only half arrives. */
  tear(): void {
    for (const pair of this.#pairs) pair.torn = true;
  }

  /**
   * After so many more bytes of replies, over all connections, the rest of that reply is lost and its connection is
   * cut.
   */
  loseReplyAfter(bytes: number): void {
    this.#replyBytesLeft = bytes;
    this.#bytesBetweenLosses = Number.POSITIVE_INFINITY;
  }

  /** The same again after each loss, until {@link loseNoReplies}. */
  loseRepliesEvery(bytes: number): void {
    this.#replyBytesLeft = bytes;
    this.#bytesBetweenLosses = bytes;
  }

  loseNoReplies(): void {
    this.loseReplyAfter(Number.POSITIVE_INFINITY);
  }

  /** Holds back replies, or what both sides send, until {@link release}. */
  hold(what: "replies" | "everything" = "replies"): void {
    this.#held = what;
    for (const pair of this.#pairs) this.#holdBack(pair);
  }

  release(): void {
    this.#held = "nothing";
    for (const { client, server } of this.#pairs) {
      client.resume();
      server.resume();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket, target: number): void {
    const server = connect(target, "127.0.0.1");
    const pair: Pair = { client, server, torn: false };
    this.#pairs.add(pair);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on("data", (bytes: Buffer) => this.#forward(pair, bytes));
    server.on("data", (bytes: Buffer) => this.#reply(pair, bytes));
    for (const socket of [client, server]) {
      socket.on("error", () => this.#disconnect(pair));
      socket.on("close", () => this.#disconnect(pair));
      socket.on("end", () => this.#disconnect(pair));
    }
    this.#holdBack(pair);
  }

  #forward(pair: Pair, bytes: Buffer): void {
    if (!pair.torn) {
      pair.server.write(bytes);
      return;
    }
    // What follows must not arrive: the server would take it for the second half.
    if (!this.#pairs.has(pair)) return;
    pair.server.write(bytes.subarray(0, Math.floor(bytes.length / 2)));
    this.cuts += 1;
    this.#disconnect(pair);
  }

  #reply(pair: Pair, bytes: Buffer): void {
    if (!this.#pairs.has(pair)) return;
    if (bytes.length <= this.#replyBytesLeft) {
      this.#replyBytesLeft -= bytes.length;
      pair.client.write(bytes);
      return;
    }
    pair.client.write(bytes.subarray(0, this.#replyBytesLeft));
    this.#replyBytesLeft = this.#bytesBetweenLosses;
    this.losses += 1;
    this.#disconnect(pair);
  }

  #holdBack({ client, server }: Pair): void {
    if (this.#held === "nothing") return;
    server.pause();
    if (this.#held === "everything") client.pause();
  }

  #disconnect(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    pair.client.end();
    pair.client.destroySoon();
    // Ended, not destroyed: what the client had sent is still delivered.
    pair.server.end();
    pair.server.resume();
  }
}
