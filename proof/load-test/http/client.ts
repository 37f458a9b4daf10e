import { Connection, type Address, type Outcome, type Settle } from "./connection.ts";

/** A request that was sent and not answered yet. */
interface InFlight {
  readonly connection: Connection;
  /** Milliseconds on the clock of `performance.now()`. */
  readonly until: number;
}

/**
 * Opens connections, and fails requests whose answers take too long. All requests have the same time-out, so they
 * reach their deadlines in the order in which they start: one timer that checks the oldest is enough for all.
 */
export class Client {
  readonly #address: Address;
  #timeoutMs: number;
  readonly #inFlight = new Set<InFlight>();
  readonly #idle = new Set<Connection>();
  readonly #timer: Timer;
  #shortenedTimeout: Timer | undefined;

  /** @param timeoutMs how long after its due time a request waits for a complete answer */
  constructor(address: Address, timeoutMs: number) {
    this.#address = address;
    this.#timeoutMs = timeoutMs;
    this.#timer = setInterval(() => this.#failOverdue(), Math.min(250, timeoutMs / 8));
  }

  /** How many requests have no answer yet. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Sends a request on its own connection. */
  once(request: Uint8Array, dueAt: number, settle: Settle): void {
    const connection = new Connection(this.#address, () => {});
    this.#exchange(connection, request, dueAt, (outcome) => {
      if (connection.usable) connection.close();
      settle(outcome);
    });
  }

  /** Sends requests one after the other on one connection, which is reopened if the server has closed it. */
  session(): (request: Uint8Array) => Promise<Outcome> {
    let connection: Connection | null = null;
    return (request) =>
      new Promise((settle) => {
        const current = connection?.usable === true ? connection : this.#openConnection();
        connection = current;
        this.#exchange(current, request, performance.now(), settle);
      });
  }

  /** The run was interrupted: from now on, waits for answers no longer than this. */
  shortenTimeout(timeoutMs: number): void {
    this.#timeoutMs = Math.min(this.#timeoutMs, timeoutMs);
    const inFlight = [...this.#inFlight];
    this.#shortenedTimeout = setTimeout(() => {
      for (const one of inFlight) {
        if (this.#inFlight.has(one)) one.connection.fail("cancelled", "the run was interrupted");
      }
    }, timeoutMs);
  }

  /** Cancels all requests in flight and closes all connections. */
  close(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#shortenedTimeout);
    for (const { connection } of this.#inFlight) connection.fail("cancelled", "the run was interrupted");
    for (const connection of this.#idle) connection.close();
  }

  #openConnection(): Connection {
    const connection = new Connection(this.#address, (closed) => this.#idle.delete(closed));
    this.#idle.add(connection);
    return connection;
  }

  #exchange(connection: Connection, request: Uint8Array, dueAt: number, settle: Settle): void {
    const inFlight: InFlight = { connection, until: dueAt + this.#timeoutMs };
    this.#inFlight.add(inFlight);
    connection.exchange(request, (outcome) => {
      this.#inFlight.delete(inFlight);
      settle(outcome);
    });
  }

  #failOverdue(): void {
    const now = performance.now();
    for (const { connection, until } of this.#inFlight) {
      if (until > now) return;
      connection.fail("timeout", `no whole answer within ${(this.#timeoutMs / 1000).toFixed(1)} s`);
    }
  }
}
