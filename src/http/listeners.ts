import { bounds } from "../bounds.ts";
import type { KernelSockets } from "./kernel-sockets.ts";

/** In PEM. */
export interface TlsCertificate {
  readonly cert: string;
  readonly key: string;
}

/** What a listener with TLS is started with. */
export interface TlsPlace {
  readonly certificate: TlsCertificate;
  /** The port of the listener before it; null for the first. */
  readonly port: number | null;
  /** Whether another one has taken its place: then its answers end their connections. */
  readonly isRetired: () => boolean;
}

type Server = Bun.Server<undefined>;

/**
 * The listeners of a server on one port: one, and after a change of the certificate for a while the one before.
 *
 * Bun cannot change the certificate of a listener. Two on one port would share what comes, and to close one loses the
 * connections that it has not accepted yet. So the kernel is told to hand all that comes to the new one; the one before
 * goes on with the connections that it has, ends each with its next answer, and is closed when no idle one is left.
 */
export class Listeners {
  readonly #start: (tls: TlsPlace | null) => Server;
  readonly #sockets: KernelSockets | null;
  /** In the order in which the kernel counts them: where one is closed, the last one takes its place. */
  readonly #group: Server[] = [];
  #current: Server;
  #retireCurrent: () => void = () => {};

  constructor(
    start: (tls: TlsPlace | null) => Server,
    certificate: TlsCertificate | null,
    sockets: KernelSockets | null,
  ) {
    this.#start = start;
    this.#sockets = sockets;
    this.#current = certificate === null ? start(null) : this.#startWith(certificate, null);
    this.#group.push(this.#current);
  }

  get current(): Server {
    return this.#current;
  }

  get pendingRequests(): number {
    if (this.#group.length === 1) return this.#current.pendingRequests;
    return this.#group.reduce((sum, server) => sum + server.pendingRequests, 0);
  }

  /** @returns whether no connection can have been lost; false where the system cannot hand over */
  renew(certificate: TlsCertificate): boolean {
    const before = this.#current;
    const retire = this.#retireCurrent;
    this.#current = this.#startWith(certificate, before.port ?? null);
    this.#group.push(this.#current);
    const isDirected = this.#directToCurrent();
    retire();
    setTimeout(
      () => void this.#close(before),
      isDirected ? bounds.certificate_overlap_milliseconds : 0,
    ).unref();
    return isDirected;
  }

  async stop(closeActive = false): Promise<void> {
    await Promise.all(this.#group.map((server) => server.stop(closeActive)));
  }

  #startWith(certificate: TlsCertificate, port: number | null): Server {
    let isRetired = false;
    const server = this.#start({ certificate, port, isRetired: () => isRetired });
    this.#retireCurrent = () => {
      isRetired = true;
    };
    return server;
  }

  #directToCurrent(): boolean {
    const [listener] = this.#sockets?.listeners(this.#current.port ?? 0) ?? [];
    return (
      listener !== undefined && this.#sockets?.direct(listener, this.#group.indexOf(this.#current)) === true
    );
  }

  async #close(server: Server): Promise<void> {
    // Its socket is closed at once; the promise waits for the requests in flight.
    const stopped = server.stop();
    const place = this.#group.indexOf(server);
    const last = this.#group.pop();
    if (last !== undefined && last !== server) this.#group[place] = last;
    this.#directToCurrent();
    await stopped;
  }
}
