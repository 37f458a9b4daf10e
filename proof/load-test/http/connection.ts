import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import type { Socket } from "bun";
import { ResponseReader, type ParseResult } from "./response.ts";

/**
 * Why there was no answer. `refused`: no connection. `no-socket`: this machine had no port or file descriptor left.
 * `dropped`: the connection ended before the answer did. `timeout`: no complete answer in time. `garbled`: the answer
 * is not valid HTTP, or is too long. `cancelled`: the run was interrupted.
 */
export type TransportFailure = "refused" | "no-socket" | "dropped" | "timeout" | "garbled" | "cancelled";

export type Outcome =
  | {
      readonly type: "answered";
      readonly status: number;
      /** The status line and the headers, as received. */
      readonly head: string;
      readonly body: string;
    }
  | {
      readonly type: "failed";
      readonly reason: TransportFailure;
      readonly detail: string;
      /** The server may have received the request, so it may have taken effect. */
      readonly sent: boolean;
    };

export type Settle = (outcome: Outcome) => void;

/** Where requests go; already resolved. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const NO_SOCKET = new Set(["EADDRNOTAVAIL", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]);

/** One TCP connection that carries one exchange after the other. It is opened by the first exchange. */
export class Connection {
  readonly #address: Address;
  readonly #closed: (connection: Connection) => void;
  #socket: Socket<Connection> | null = null;
  #reader = new ResponseReader();
  #request: Uint8Array | null = null;
  #settle: Settle | null = null;
  #sent = false;
  #ended = false;

  /** @param closed called once, when the connection can carry no further exchange */
  constructor(address: Address, closed: (connection: Connection) => void) {
    this.#address = address;
    this.#closed = closed;
  }

  /** Whether the connection can carry a (further) exchange. */
  get usable(): boolean {
    return !this.#ended && this.#settle === null;
  }

  /** Sends a request. `settle` is called once, with the outcome. */
  exchange(request: Uint8Array, settle: Settle): void {
    this.#request = request;
    this.#settle = settle;
    this.#sent = false;
    this.#reader = new ResponseReader();
    if (this.#socket !== null) {
      this.flush();
      return;
    }
    const { host, port } = this.#address;
    Bun.connect<Connection>({ hostname: host, port, socket: handlers, data: this }).catch(
      (error: unknown) => {
        this.connectFailed(error);
      },
    );
  }

  /** Ends the connection. An exchange in progress settles with this failure. */
  fail(reason: TransportFailure, detail: string): void {
    const socket = this.#socket;
    this.#finish({ type: "failed", reason, detail, sent: this.#sent }, false);
    socket?.terminate();
  }

  /** Ends a connection that has no exchange in progress. */
  close(): void {
    const socket = this.#socket;
    this.#end();
    socket?.end();
  }

  opened(socket: Socket<Connection>): void {
    if (this.#ended) {
      socket.terminate();
      return;
    }
    this.#socket = socket;
    socket.setNoDelay(true);
    this.flush();
  }

  flush(): void {
    if (this.#socket === null || this.#request === null) return;
    const written = this.#socket.write(this.#request);
    if (written > 0) this.#sent = true;
    this.#request = written < this.#request.length ? this.#request.subarray(Math.max(0, written)) : null;
  }

  received(chunk: Buffer): void {
    if (this.#settle !== null) this.#onParsed(this.#reader.push(chunk));
    // Data that no request asked for: it could be mistaken for the answer to the next request.
    else this.close();
  }

  ended(): void {
    if (this.#settle !== null) this.#onParsed(this.#reader.end());
    this.fail("dropped", "the connection ended before the answer did");
  }

  failed(error: Error): void {
    this.fail("dropped", error.message);
  }

  connectFailed(error: unknown): void {
    const code = connectCode(error);
    if (NO_SOCKET.has(code))
      this.fail("no-socket", `the test's own machine has no port or descriptor left (${code})`);
    else this.fail("refused", `no connection (${code})`);
  }

  #onParsed(result: ParseResult): void {
    if (result.type === "more") return;
    if (result.type === "garbled") {
      this.fail("garbled", result.reason);
      return;
    }
    const { status, head, body, keepAlive } = result.response;
    this.#finish({ type: "answered", status, head, body }, keepAlive);
  }

  #finish(outcome: Outcome, keepAlive: boolean): void {
    const settle = this.#settle;
    this.#settle = null;
    if (!keepAlive) this.close();
    settle?.(outcome);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket = null;
    this.#request = null;
    this.#closed(this);
  }
}

// One set of handlers for all connections: the socket carries its connection.
const handlers = {
  open: (socket: Socket<Connection>) => socket.data.opened(socket),
  data: (socket: Socket<Connection>, chunk: Buffer) => socket.data.received(chunk),
  drain: (socket: Socket<Connection>) => socket.data.flush(),
  end: (socket: Socket<Connection>) => socket.data.ended(),
  close: (socket: Socket<Connection>) => socket.data.ended(),
  error: (socket: Socket<Connection>, error: Error) => socket.data.failed(error),
  connectError: (socket: Socket<Connection>, error: Error) => socket.data.connectFailed(error),
};

/** Bun reports ECONNREFUSED also if the process has no file descriptor left, so this tries to open one. */
function connectCode(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  if (code !== "ECONNREFUSED") return code;
  try {
    closeSync(openSync(devNull, "r"));
    return code;
  } catch {
    return "EMFILE";
  }
}
