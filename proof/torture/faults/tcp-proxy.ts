import { connect, createServer, type Server, type Socket } from "node:net";

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  /** What its client says next is cut in two. */
  torn: boolean;
}

/**
 * A bad network between clients and a server on this machine: it cuts connections, loses what the server says, or
 * holds everything back. What a client says always arrives, also when the connection is cut just after; except for
 * {@link tear}, which cuts in the middle of what is said.
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
    server.on("connection", (client) => proxy.#join(client, target));
    return proxy;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Cuts every connection; new ones are welcome. */
  cut(): void {
    this.cuts += this.#pairs.size;
    for (const pair of this.#pairs) this.#part(pair);
  }

  /** Cuts every connection when its client says something next: half of that arrives. */
  tear(): void {
    for (const pair of this.#pairs) pair.torn = true;
  }

  /** So many bytes of replies still pass; the next one is lost, with all behind it, and its connection cut. */
  loseReplyAfter(bytes: number): void {
    this.#replyBytesLeft = bytes;
    this.#bytesBetweenLosses = Number.POSITIVE_INFINITY;
  }

  /** The same again and again, after each loss; until {@link loseNoReplies}. */
  loseRepliesEvery(bytes: number): void {
    this.#replyBytesLeft = bytes;
    this.#bytesBetweenLosses = bytes;
  }

  loseNoReplies(): void {
    this.loseReplyAfter(Number.POSITIVE_INFINITY);
  }

  /** Holds replies, or what both sides say, back, until {@link release}. */
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

  #join(client: Socket, target: number): void {
    const server = connect(target, "127.0.0.1");
    const pair: Pair = { client, server, torn: false };
    this.#pairs.add(pair);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on("data", (bytes: Buffer) => this.#ask(pair, bytes));
    server.on("data", (bytes: Buffer) => this.#reply(pair, bytes));
    for (const socket of [client, server]) {
      socket.on("error", () => this.#part(pair));
      socket.on("close", () => this.#part(pair));
      socket.on("end", () => this.#part(pair));
    }
    this.#holdBack(pair);
  }

  #ask(pair: Pair, bytes: Buffer): void {
    if (!pair.torn) {
      pair.server.write(bytes);
      return;
    }
    // What comes behind the first half must not arrive: the server would take it for the second.
    if (!this.#pairs.has(pair)) return;
    pair.server.write(bytes.subarray(0, Math.floor(bytes.length / 2)));
    this.cuts += 1;
    this.#part(pair);
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
    this.#part(pair);
  }

  #holdBack({ client, server }: Pair): void {
    if (this.#held === "nothing") return;
    server.pause();
    if (this.#held === "everything") client.pause();
  }

  #part(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    pair.client.end();
    pair.client.destroySoon();
    // Ended, not destroyed: what the client had said is still delivered.
    pair.server.end();
    pair.server.resume();
  }
}
