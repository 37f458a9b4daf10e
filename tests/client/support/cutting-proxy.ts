import type { Socket } from "node:net";
import type { Random } from "../../support/random.ts";
import { ConnectionProxy } from "../../support/servers/connection-proxy.ts";

/** Hands connections on, and cuts each after so many bytes of the answer as chance says. */
export class CuttingProxy extends ConnectionProxy {
  /** Connections that it has cut. */
  cuts = 0;
  /** That were made to it, in all. */
  connections = 0;
  readonly #random: Random;
  readonly #bytes_max: number;
  #cutting = true;

  private constructor(target: number, random: Random, bytes_max: number) {
    super(target);
    this.#random = random;
    this.#bytes_max = bytes_max;
  }

  static async start(target: number, random: Random, bytes_max: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target, random, bytes_max);
    await proxy.listen();
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** From now on whole connections, and the new ones too. */
  stopCutting(): void {
    this.#cutting = false;
  }

  protected override handOn(client: Socket, server: Socket): void {
    this.connections += 1;
    let left = this.#random.integer(1, this.#bytes_max);
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
