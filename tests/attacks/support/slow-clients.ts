import { connect, type Socket } from "node:net";

const AT_ONCE = 50;
/** Until the server has taken what was sent. */
const TAKEN_MILLISECONDS = 300;

/** Connections that send something, and read nothing of what comes. */
export class SlowClients implements Disposable {
  readonly #port: number;
  readonly #localAddress: string;
  readonly #sockets: Socket[] = [];

  constructor(port: number, localAddress: string) {
    this.#port = port;
    this.#localAddress = localAddress;
  }

  /** Resolves once all were let in, or turned away, and have sent it. */
  async open(count: number, text: string): Promise<void> {
    for (let left = count; left > 0; left -= AT_ONCE)
      await Promise.all(Array.from({ length: Math.min(left, AT_ONCE) }, () => this.#connect(text)));
    if (count > AT_ONCE) await Bun.sleep(TAKEN_MILLISECONDS);
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(text: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket = connect({ host: "127.0.0.1", port: this.#port, localAddress: this.#localAddress });
    this.#sockets.push(socket);
    socket.pause();
    socket.on("error", () => resolve());
    socket.once("close", () => resolve());
    socket.once("connect", () => socket.write(text, () => resolve()));
    return promise;
  }
}
