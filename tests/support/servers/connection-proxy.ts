import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * Stands between clients and a server of 127.0.0.1, and is called instead of it. Where one side of a connection ends, the
 * other one does; what becomes of the bytes in between is up to who extends it.
 */
export abstract class ConnectionProxy implements AsyncDisposable {
  readonly #target: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** @param target the server's port */
  protected constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => this.#take(client));
  }

  /** Its own. */
  get port(): number {
    const { port }: AddressInfo = Object(this.#server.address());
    return port;
  }

  /** Cuts all connections that are open; new ones are taken. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  /** To be called once, before anything else. */
  protected async listen(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, "127.0.0.1", resolve);
    });
  }

  /** Hands on what either side of a new connection sends. */
  protected abstract handOn(client: Socket, server: Socket): void;

  #take(client: Socket): void {
    const server = connect(this.#target, "127.0.0.1");
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
    this.handOn(client, server);
  }
}
