import { bounds } from "../bounds.ts";
import { ClosedUnanswered, Connection } from "./connection.ts";
import type { Answer } from "./http-answer.ts";

export interface PostOptions {
  readonly url: URL;
  /** Where the connection goes, whatever the URL's name resolves to by now. */
  readonly address: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: string;
  readonly milliseconds: number;
}

export type Posted = Pick<Answer, "status" | "retryAfter">;

/**
 * Sends POSTs, each to one address, and reads the head of its answer; a redirect is an answer like any other. The requests
 * are written here by hand, since the HTTP clients at hand either resolve the name once more, which may then be another
 * address, or do not check the certificate by the name when they are given an address.
 *
 * A connection is used again for a while, so that not each delivery pays for a handshake: only for the same name
 * and port, and only if it goes to the address that is asked for now.
 */
export class Poster {
  readonly #authorities: string | null;
  readonly #all = new Set<Connection>();
  /** Those that wait for a request, by what they are for; the one that was used last is the last one. */
  readonly #idle = new Map<string, { readonly connection: Connection; readonly timer: Timer }[]>();
  #idleCount = 0;
  #isClosed = false;

  /** @param authorities certificate authorities in PEM beside those that Bun trusts; null: none */
  constructor(authorities: string | null) {
    this.#authorities = authorities;
  }

  /** @throws Error that says what went wrong, in words that may be shown to who made the webhook */
  async post(options: PostOptions): Promise<Posted> {
    const { status, retryAfter } = await this.#send(options);
    return { status, retryAfter };
  }

  /** What is on its way fails. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#all) connection.close();
  }

  async #send(options: PostOptions): Promise<Answer> {
    const { url, address, milliseconds } = options;
    const request = requestOf(options);
    const deadline = performance.now() + milliseconds;
    const kept = this.#take(keyOf(url, address));
    if (kept !== null) {
      try {
        return await kept.send(request, milliseconds, milliseconds);
      } catch (error) {
        // Its target closed it, as each does some time: that tells nothing of how the target is now.
        if (!(error instanceof ClosedUnanswered) || this.#isClosed) throw error;
      }
    }
    const left = Math.max(0, deadline - performance.now());
    return this.#connect(url, address).send(request, left, milliseconds);
  }

  #connect(url: URL, address: string): Connection {
    const key = keyOf(url, address);
    const connection = new Connection(url, address, this.#authorities, () => this.#keep(key, connection));
    this.#all.add(connection);
    connection.onClosed = () => {
      this.#all.delete(connection);
      this.#remove(key, connection);
    };
    return connection;
  }

  #keep(key: string, connection: Connection): void {
    const isOld = performance.now() - connection.openedAt > bounds.webhook_connection_milliseconds_max;
    if (this.#isClosed || isOld || this.#idleCount >= bounds.webhook_connections_idle_max)
      return connection.close();
    const timer = setTimeout(() => connection.close(), bounds.webhook_connection_idle_milliseconds);
    this.#idle.getOrInsertComputed(key, () => []).push({ connection, timer });
    this.#idleCount += 1;
  }

  #take(key: string): Connection | null {
    const connection = this.#idle.get(key)?.at(-1)?.connection ?? null;
    if (connection !== null) this.#remove(key, connection);
    return connection;
  }

  #remove(key: string, connection: Connection): void {
    const idle = this.#idle.get(key) ?? [];
    const at = idle.findIndex((one) => one.connection === connection);
    if (at < 0) return;
    for (const { timer } of idle.splice(at, 1)) clearTimeout(timer);
    this.#idleCount -= 1;
    if (idle.length === 0) this.#idle.delete(key);
  }
}

type Timer = ReturnType<typeof setTimeout>;

/** What a connection is for. A certificate was checked by the name. */
function keyOf({ origin }: URL, address: string): string {
  return `${origin} ${address}`;
}

function requestOf({ url, headers, body }: PostOptions): string {
  const lines = [
    `POST ${url.pathname}${url.search} HTTP/1.1`,
    `host: ${url.host}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "user-agent: razonete",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}
