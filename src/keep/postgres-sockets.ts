import { once } from "node:events";
import { connect, isIP, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { bounds } from "../bounds.ts";
import { messageOf } from "../errors.ts";
import { watchGreeting } from "./standby/standby-greeting.ts";
import { askPostgres } from "../tls/first-bytes.ts";
import { bareHost, type ServerTrust, serverTrust } from "../tls/server-trust.ts";

interface Host {
  readonly name: string;
  readonly port: number;
  /** For a person. */
  readonly where: string;
  readonly trust: ServerTrust | null;
}

interface Opened {
  readonly host: Host;
  readonly raw: Socket;
  /** The same without TLS. */
  readonly socket: Socket;
}

/** Times a second that a host is passed over: for the first searches of a few connections at once. */
const PASSED_OVER_MAX = 8;

/** What one search for a host has begun. */
interface Search {
  readonly begun: Set<Socket>;
  isOver: boolean;
}

/** One host's part of it. */
interface Attempt {
  readonly host: Host;
  readonly search: Search;
  readonly fail: (error: Error) => void;
  /** Whose end is this attempt's. */
  current: Socket | null;
}

/**
 * The connections of a pool, up to where PostgreSQL's own protocol begins: to one of the hosts of its URL, with TLS where
 * the URL wants it.
 *
 * The client, postgres.js 3.4.9, would make them itself. But where a URL names several hosts and none of them takes a
 * connection, it tries for ever, without a pause, and rejects nothing; one that never answers is not left for the next;
 * and what it has begun goes on after the pool's end, so that the process does not end. Here each connection is made or
 * fails within a time, and {@link close} leaves none behind.
 *
 * The hosts are tried in their order. One that is silent holds up the next for a moment only: then both are tried. After a
 * connection was lost the next host is tried first, so that a host which is up but useless does not keep the pool.
 */
export class PostgresSockets {
  readonly #hosts: readonly Host[];
  /** Each with what the client was given, once it was. */
  readonly #live = new Map<Socket, Socket>();
  #first = 0;
  /** How often a host was passed over, in the second that began at `#passedAt`. */
  #passed = 0;
  #passedAt = -Infinity;
  /** A standby has just greeted the client, and the client has not seen it yet. */
  #isAtStandby = false;
  #isClosed = false;

  /** @param urls one for each host */
  constructor(urls: readonly URL[]) {
    this.#hosts = urls.map((url) => {
      const port = Number(url.port) || 5432;
      const where = `${url.hostname}:${port}`;
      return { name: bareHost(url.hostname), port, where, trust: serverTrust(url.href) };
    });
  }

  /** Never rejects: the client would then lose the place of this connection in its pool. */
  async open(): Promise<Duplex> {
    try {
      const socket = await this.#openOne();
      if (this.#hosts.length > 1) watchGreeting(socket, () => this.#meetStandby());
      return socket;
    } catch (error) {
      return new FailedSocket(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /**
   * Whether the client is to connect once more at once, instead of rejecting what was asked, since the host that it was given
   * is a standby: to be asked while it finds that out. Only so often a second, since there may be none but standbys.
   */
  passOver(): boolean {
    if (!this.#isAtStandby) return false;
    this.#isAtStandby = false;
    const now = performance.now();
    if (now - this.#passedAt > 1000) {
      this.#passed = 0;
      this.#passedAt = now;
    }
    this.#passed += 1;
    return this.#passed <= PASSED_OVER_MAX;
  }

  /** Ends what the client has left open, and what it would still open. */
  close(): void {
    this.#isClosed = true;
    for (const [raw, socket] of this.#live) {
      // A server that is frozen does not answer a goodbye.
      if (socket.writableEnded) raw.unref();
      else destroy(raw, socket);
    }
  }

  async #openOne(): Promise<Socket> {
    const search: Search = { begun: new Set(), isOver: false };
    const hosts = [...this.#hosts.slice(this.#first), ...this.#hosts.slice(0, this.#first)];
    try {
      const { host, raw, socket } = await this.#firstOf(hosts, search);
      search.begun.delete(raw);
      this.#live.set(raw, socket);
      this.#first = this.#hosts.indexOf(host);
      raw.once("close", () => this.#leave(host));
      // For the messages of the client's errors.
      return Object.assign(socket, { host: host.name, port: host.port });
    } finally {
      search.isOver = true;
      for (const raw of search.begun) raw.destroy();
    }
  }

  /** The client sees it in the same turn. A connection that is lost later must not be taken for this. */
  #meetStandby(): void {
    this.#isAtStandby = true;
    setImmediate(() => {
      this.#isAtStandby = false;
    });
  }

  #leave(host: Host): void {
    const place = this.#hosts.indexOf(host);
    if (this.#first === place) this.#first = (place + 1) % this.#hosts.length;
  }

  async #firstOf([host, ...others]: readonly Host[], search: Search): Promise<Opened> {
    if (host === undefined) throw new Error("the URL names no host");
    const opening = this.#openTo(host, search);
    if (others.length === 0) return opening;
    const isSettled = await Promise.race([
      opening.then(
        () => true,
        () => false,
      ),
      Bun.sleep(bounds.books_next_host_milliseconds).then(() => false),
    ]);
    if (isSettled) return opening;
    try {
      return await Promise.any([opening, this.#firstOf(others, search)]);
    } catch (error) {
      throw error instanceof AggregateError ? joined(error) : error;
    }
  }

  async #openTo(host: Host, search: Search): Promise<Opened> {
    const { promise: failed, reject } = Promise.withResolvers<never>();
    failed.catch(() => {});
    const seconds = bounds.books_connect_seconds_max;
    const timer = setTimeout(() => {
      const message = `${host.where} gave no answer within ${seconds} s`;
      reject(Object.assign(new Error(message), { code: "CONNECT_TIMEOUT" }));
    }, seconds * 1000);
    try {
      return await Promise.race([failed, this.#shake({ host, search, fail: reject, current: null })]);
    } catch (error) {
      if (this.#hosts.length === 1) throw error;
      const reason = messageOf(error) || codeIn(error);
      throw Object.assign(new Error(reason.startsWith(host.where) ? reason : `${host.where}: ${reason}`), {
        code: codeIn(error) || "CONNECT_TIMEOUT",
      });
    } finally {
      clearTimeout(timer);
    }
  }

  async #shake(attempt: Attempt): Promise<Opened> {
    const { host } = attempt;
    const raw = await this.#reach(attempt);
    if (host.trust === null && this.#hosts.length === 1) return { host, raw, socket: raw };
    // Also asked where TLS is not wanted: the kernel takes connections for a server that is frozen, and its answer shows
    // that it lives.
    const speaksTls = await askPostgres(raw);
    if (speaksTls === null) throw new Error(`${host.where} closed the connection`);
    if (host.trust !== null) {
      if (!speaksTls) throw new Error(`${host.where} does not speak TLS`);
      return { host, raw, socket: await secured(raw, host.trust, attempt) };
    }
    if (!speaksTls) return { host, raw, socket: raw };
    // It waits for the beginning of TLS now.
    attempt.current = null;
    raw.destroy();
    const plain = await this.#reach(attempt);
    return { host, raw: plain, socket: plain };
  }

  async #reach(attempt: Attempt): Promise<Socket> {
    const { host, search } = attempt;
    if (this.#isClosed) throw new Error("the connections to PostgreSQL were closed");
    if (search.isOver) throw new Error("another host was sooner");
    const raw = connect({ host: host.name, port: host.port });
    attempt.current = raw;
    search.begun.add(raw);
    this.#live.set(raw, raw);
    const fail = (error: Error): void => {
      if (attempt.current === raw) attempt.fail(error);
    };
    // Until its end: an error that nobody listens for would end the process.
    raw.on("error", fail);
    raw.once("close", () => {
      this.#live.delete(raw);
      search.begun.delete(raw);
      fail(new Error(`${host.where} closed the connection`));
    });
    await once(raw, "connect");
    return raw;
  }
}

/** In place of a connection: fails as soon as the client writes, in the way in which a connection does. */
class FailedSocket extends Duplex {
  readonly #error: Error;

  constructor(error: Error) {
    super();
    this.#error = error;
  }

  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, callback: (error: Error) => void): void {
    callback(this.#error);
  }
}

async function secured(raw: Socket, trust: ServerTrust, { host, fail }: Attempt): Promise<Socket> {
  const secure = connectTls({
    ...trust,
    socket: raw,
    ...(isIP(host.name) === 0 ? { servername: host.name } : {}),
  });
  secure.on("error", fail);
  secure.once("close", () => fail(new Error(`${host.where} closed the connection`)));
  await once(secure, "secureConnect");
  return secure;
}

function destroy(raw: Socket, socket: Socket): void {
  socket.destroy();
  raw.destroy();
}

/** What is wrong with each host, in one sentence. */
function joined({ errors }: AggregateError): Error {
  const [first] = errors;
  return Object.assign(new Error(errors.map((error) => messageOf(error)).join("; ")), {
    code: codeIn(first),
  });
}

function codeIn(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
