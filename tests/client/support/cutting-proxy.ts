import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Random } from "../../support/random.ts";

/** Hands connections on, and cuts each after so many bytes of the answer as chance says. */
export class CuttingProxy implements AsyncDisposable {
  /** Connections that it has cut. */
  cuts = 0;
  /** That were made to it, in all. */
  connections = 0;
  /** What it connects to; may change. */
  port: number;
  readonly #random: Random;
  readonly #bytes_max: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #cutting = true;

  private constructor(port: number, random: Random, bytes_max: number) {
    this.port = port;
    this.#random = random;
    this.#bytes_max = bytes_max;
    this.#server = createServer((client) => this.#take(client));
  }

  static async start(port: number, random: Random, bytes_max: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(port, random, bytes_max);
    await new Promise<void>((resolve) => {
      proxy.#server.listen(0, "127.0.0.1", resolve);
    });
    return proxy;
  }

  get url(): string {
    const { port }: AddressInfo = Object(this.#server.address());
    return `http://127.0.0.1:${port}`;
  }

  /** Cuts all that are open. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** From now on whole connections, and the new ones too. */
  stopCutting(): void {
    this.#cutting = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #take(client: Socket): void {
    this.connections += 1;
    const server = connect(this.port, "127.0.0.1");
    let left = this.#random.integer(1, this.#bytes_max);
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
    client.pipe(server);
    server.on("data", (bytes: Buffer) => {
      if (this.#cutting && bytes.length >= left) {
        this.cuts += 1;
        // What is before the cut arrives: a connection that is torn down at once may lose it.
        client.end(bytes.subarray(0, left));
        server.destroy();
        return;
      }
      left -= bytes.length;
      if (!client.write(bytes)) {
        server.pause();
        client.once("drain", () => server.resume());
      }
    });
  }
}
