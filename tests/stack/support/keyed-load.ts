import { eventually } from "../../support/eventually.ts";

/** Sends one request; throws where the answer is not the one it should be. Returns what is to be told of it. */
export type Send = (body: string) => Promise<string>;

/** Some clients that go on until they are stopped, each request with a word of its own. */
export class Load {
  readonly failures: string[] = [];
  /** How many requests were answered. */
  answered = 0;
  readonly #told = new Set<string>();
  readonly #clients: readonly Promise<void>[];
  #stopped = false;

  constructor(send: Send, clients = 12) {
    this.#clients = Array.from({ length: clients }, (_, name) => this.#client(name, send));
  }

  /** Waits for so many further answers. */
  more(count: number): Promise<void> {
    const wanted = this.answered + count;
    return eventually(`${count} more requests are answered`, () => this.answered >= wanted);
  }

  /** Waits until `send` has told this. */
  until(told: string): Promise<void> {
    return eventually(`an answer tells ${told}`, () => this.#told.has(told));
  }

  /** @returns how many requests were answered in all */
  async stop(): Promise<number> {
    this.#stopped = true;
    await Promise.all(this.#clients);
    return this.answered;
  }

  /** For where the server is gone: each client ends at its first failure. */
  async stopAtFirstFailure(): Promise<number> {
    await eventually("a request fails", () => this.failures.length > 0);
    return this.stop();
  }

  async #client(name: number, send: Send): Promise<void> {
    for (let count = 0; !this.#stopped; count += 1) {
      try {
        this.#told.add(await send(`${name}-${count}`));
        this.answered += 1;
      } catch (error) {
        this.failures.push(String(error));
      }
    }
  }
}
