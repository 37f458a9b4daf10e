import { createServer, type Server, type Socket } from "node:net";

/** Sends one line to who connects, or to who has sent something; `null`: takes connections, and is silent. */
export class GreetingServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(greeting: string | null, isAnswer: boolean) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      if (greeting === null) return;
      if (isAnswer) socket.on("data", () => socket.write(greeting));
      else socket.write(greeting);
    });
  }

  static async start(greeting: string | null, isAnswer: boolean): Promise<GreetingServer> {
    const made = new GreetingServer(greeting, isAnswer);
    await new Promise<void>((resolve) => made.#server.listen(0, "127.0.0.1", resolve));
    return made;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
