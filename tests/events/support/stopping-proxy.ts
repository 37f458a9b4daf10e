import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * Hands on what is sent to a server, up to what a test names: that is kept back, as if its sender had died just before it
 * sent it.
 */
export class StoppingProxy implements AsyncDisposable {
  readonly #port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #text: string | null = null;

  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer((client) => this.#take(client));
  }

  static async start(port: number): Promise<StoppingProxy> {
    const proxy = new StoppingProxy(port);
    await new Promise<void>((resolve) => {
      proxy.#server.listen(0, "127.0.0.1", resolve);
    });
    return proxy;
  }

  get port(): number {
    const { port }: AddressInfo = Object(this.#server.address());
    return port;
  }

  /** The first time that this is sent it does not arrive, nor does anything after it on the same connection. */
  stopAt(text: string): void {
    this.#text = text;
  }

  /** Whether that was sent. */
  get hasStopped(): boolean {
    return this.#text === null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #take(client: Socket): void {
    const server = connect(this.#port, "127.0.0.1");
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on("error", end);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    let isStopped = false;
    // It may come in two pieces.
    let before = "";
    client.on("data", (bytes: Buffer) => {
      if (isStopped) return;
      const text = this.#text;
      const sent = bytes.toString("latin1");
      const isNamed = text !== null && (before.slice(1 - text.length) + sent).includes(text);
      before = sent;
      if (isNamed) {
        this.#text = null;
        isStopped = true;
        return;
      }
      server.write(bytes);
    });
    server.pipe(client, { end: false });
  }
}
