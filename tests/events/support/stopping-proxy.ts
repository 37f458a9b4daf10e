import type { Socket } from "node:net";
import { ConnectionProxy } from "../../support/servers/connection-proxy.ts";

/**
 * Hands on what is sent to a server, up to what a test names: that is kept back, as if its sender had died just before it
 * sent it.
 */
export class StoppingProxy extends ConnectionProxy {
  #text: string | null = null;

  static async start(target: number): Promise<StoppingProxy> {
    const proxy = new StoppingProxy(target);
    await proxy.listen();
    return proxy;
  }

  /** The first time that this is sent it does not arrive, nor does anything after it on the same connection. */
  stopAt(text: string): void {
    this.#text = text;
  }

  /** Whether that was sent. */
  get hasStopped(): boolean {
    return this.#text === null;
  }

  protected override handOn(client: Socket, server: Socket): void {
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
