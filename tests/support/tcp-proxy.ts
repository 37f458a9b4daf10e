import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * A bad network between a client and a server on this machine: it cuts connections, loses what the server says, or
 * holds it back. What the client says always arrives, also when the connection is cut just after.
 */
export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #pairs = new Set<{ client: Socket; server: Socket }>();
  #replyBytesLeft = Number.POSITIVE_INFINITY;
  #holding = false;
  /** How often replies were lost. */
  losses = 0;

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
    for (const pair of this.#pairs) this.#part(pair);
  }

  /** So many bytes of replies still pass; the next one is lost, with all behind it, and its connection cut. */
  loseReplyAfter(bytes: number): void {
    this.#replyBytesLeft = bytes;
  }

  /** Holds every reply back, until {@link release}. */
  hold(): void {
    this.#holding = true;
    for (const { server } of this.#pairs) server.pause();
  }

  release(): void {
    this.#holding = false;
    for (const { server } of this.#pairs) server.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket, target: number): void {
    const server = connect(target, "127.0.0.1");
    const pair = { client, server };
    this.#pairs.add(pair);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on("data", (bytes) => server.write(bytes));
    server.on("data", (bytes: Buffer) => {
      if (bytes.length <= this.#replyBytesLeft) {
        this.#replyBytesLeft -= bytes.length;
        client.write(bytes);
        return;
      }
      client.write(bytes.subarray(0, this.#replyBytesLeft));
      this.#replyBytesLeft = Number.POSITIVE_INFINITY;
      this.losses += 1;
      this.#part(pair);
    });
    for (const socket of [client, server]) {
      socket.on("error", () => this.#part(pair));
      socket.on("close", () => this.#part(pair));
      socket.on("end", () => this.#part(pair));
    }
    if (this.#holding) server.pause();
  }

  #part(pair: { client: Socket; server: Socket }): void {
    if (!this.#pairs.delete(pair)) return;
    pair.client.end();
    pair.client.destroySoon();
    // Ended, not destroyed: what the client had said is still delivered.
    pair.server.end();
    pair.server.resume();
  }
}
