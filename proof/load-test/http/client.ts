import { Connection, type Address, type Outcome, type Settle } from "./connection.ts";

/** A request that waits for its answer. */
interface Waiting {
  readonly connection: Connection;
  /** Milliseconds on the clock of `performance.now()`. */
  readonly until: number;
}

/**
 * Opens connections and gives up on answers that take too long. All requests may take equally long, so that the
 * order of their start is the order of their deadlines: one timer looks at the oldest, instead of a timer for each.
 */
export class Client {
  readonly #address: Address;
  #answerMs: number;
  readonly #waiting = new Set<Waiting>();
  readonly #idle = new Set<Connection>();
  readonly #timer: Timer;
  #hurry: Timer | undefined;

  /** @param answerMs how long after its due time a request waits for a whole answer */
  constructor(address: Address, answerMs: number) {
    this.#address = address;
    this.#answerMs = answerMs;
    this.#timer = setInterval(() => this.#giveUp(), Math.min(250, answerMs / 8));
  }

  /** Requests without an answer as yet. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Sends a request on a connection of its own. */
  once(request: Uint8Array, dueAt: number, settle: Settle): void {
    const connection = new Connection(this.#address, () => {});
    this.#exchange(connection, request, dueAt, (outcome) => {
      if (connection.usable) connection.close();
      settle(outcome);
    });
  }

  /** A line of exchanges on one connection, which is opened anew where the server has closed it. */
  session(): (request: Uint8Array) => Promise<Outcome> {
    let connection: Connection | null = null;
    return (request) =>
      new Promise((settle) => {
        const current = connection?.usable === true ? connection : this.#keptConnection();
        connection = current;
        this.#exchange(current, request, performance.now(), settle);
      });
  }

  /** The run was interrupted: answers are waited for no longer than this, from now on. */
  hurry(answerMs: number): void {
    this.#answerMs = Math.min(this.#answerMs, answerMs);
    const waiting = [...this.#waiting];
    this.#hurry = setTimeout(() => {
      for (const one of waiting) {
        if (this.#waiting.has(one)) one.connection.fail("cancelled", "the run was interrupted");
      }
    }, answerMs);
  }

  /** Gives up on all that is under way. */
  close(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#hurry);
    for (const { connection } of this.#waiting) connection.fail("cancelled", "the run was interrupted");
    for (const connection of this.#idle) connection.close();
  }

  #keptConnection(): Connection {
    const connection = new Connection(this.#address, (closed) => this.#idle.delete(closed));
    this.#idle.add(connection);
    return connection;
  }

  #exchange(connection: Connection, request: Uint8Array, dueAt: number, settle: Settle): void {
    const waiting: Waiting = { connection, until: dueAt + this.#answerMs };
    this.#waiting.add(waiting);
    connection.exchange(request, (outcome) => {
      this.#waiting.delete(waiting);
      settle(outcome);
    });
  }

  #giveUp(): void {
    const now = performance.now();
    for (const { connection, until } of this.#waiting) {
      if (until > now) return;
      connection.fail("timeout", `no whole answer within ${(this.#answerMs / 1000).toFixed(1)} s`);
    }
  }
}
