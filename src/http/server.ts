import { rmSync } from "node:fs";
import { isIP } from "node:net";
import { type AccessKeys, NOBODY, OPEN } from "../access/access-keys.ts";
import { bounds } from "../bounds.ts";
import type { EventSource } from "../events/event-source.ts";
import { type Ledger, LedgerUnavailable, type Readiness } from "../ledger/ledger.ts";
import { messageOf, StartError } from "../errors.ts";
import { Admission, type Limits } from "./admission.ts";
import { EndedRequests } from "./ended-requests.ts";
import { KeyWatch } from "./key-watch.ts";
import { openKernelSockets } from "./kernel-sockets.ts";
import { Listeners, type TlsCertificate, type TlsPlace } from "./listeners.ts";
import { askedBy, internalError, type Problem, toResponse, unavailable } from "./problems.ts";
import type { Route, RouteContext, RoutedRequest } from "./route.ts";
import { ROUTES } from "./routes.ts";

/** A host and a port (0 takes a free one), or the path of a unix socket. */
export type HttpAddress = TcpAddress | { readonly socket: string };

export interface TcpAddress {
  /** A name or an IP address of this machine. */
  readonly host: string;
  readonly port: number;
  /** What set the host and the port, in words for a message: "--port", "the variable PORT". Default: the caller. */
  readonly hostFrom?: string;
  readonly portFrom?: string;
}

export interface HttpOptions {
  readonly address: HttpAddress;
  /**
   * The header in which a trusted balancer writes an id for each request. When the balancer sends a request again, it
   * writes the same id. Nobody else may be able to set this header. Without `limits`, answers tell the balancer the rate of
   * a key that has one of its own, in the header Razonete-Key-Rate.
   */
  readonly requestIdHeader?: string;
  /** The header in which that balancer writes a client's address; default: it does not, and wrong keys are not counted. */
  readonly clientAddressHeader?: string;
  /** Clients have to speak TLS, 1.2 or later. Only for a host and a port. */
  readonly certificate?: TlsCertificate;
  /** Default: it is open. */
  readonly access?: AccessKeys;
  /** Default: none, as behind a balancer, which has them. */
  readonly limits?: Limits;
  /** What clients follow the ledger by; closed with the server. Default: nothing. */
  readonly events?: EventSource;
  /** Called with one line for each error that should not happen. */
  readonly onDefect: (message: string) => void;
}

export interface HttpServer {
  readonly url: string;
  /** Whether only this machine can reach it: it listens on a loopback address or a unix socket. */
  readonly onlyThisMachine: boolean;
  /** `null` on a unix socket. */
  readonly port: number | null;
  /**
   * From now on clients are shown this certificate. No request is lost.
   *
   * @returns whether that is so; false on systems that cannot hand over to another listener, where a connection that is
   * being opened at this moment may be reset
   */
  renew(certificate: TlsCertificate): boolean;
  /** From now on /readyz answers 503, so that no new requests come. Requests are still answered. */
  drain(): void;
  /** Accepts no new connections and completes the requests in flight, for at most `stop_milliseconds_max`. */
  stop(): Promise<void>;
}

const ROUTE_NOT_FOUND: Problem = {
  name: "route-not-found",
  detail:
    "Use /v1/accounts, /v1/transactions, /v1/holds, /v1/batches, /v1/events or /v1/ledger and what is under them, " +
    "/clientes/{id}/transacoes, /clientes/{id}/extrato, /livez or /readyz. GET /docs shows them all.",
};

/** Outside of a route. */
const DEFECT: Problem = { name: "internal-error", detail: "Report this with what was sent." };

/**
 * Starts the HTTP server, which parses requests, calls the ledger and replies.
 *
 * @throws StartError if it cannot listen on the address
 */
export function startHttpServer(ledger: Ledger, options: HttpOptions): HttpServer {
  const { access = OPEN } = options;
  let draining = false;
  const readiness = (): Readiness =>
    draining ? { ready: false, reason: "this one is stopping" } : (unknownKeys(access) ?? ledger.readiness());

  const ended = new EndedRequests(() => listeners.pendingRequests);
  const { limits = null, requestIdHeader, clientAddressHeader, events = null } = options;
  const admission = new Admission(
    access,
    limits,
    (request) => {
      if (clientAddressHeader !== undefined) return request.headers.get(clientAddressHeader);
      return limits === null ? null : (listeners.current.requestIP(request)?.address ?? null);
    },
    limits === null && requestIdHeader !== undefined,
  );
  const routes: Record<string, BunHandler> = {};
  const keyWatch = new KeyWatch(admission);
  const context = { ledger, events, keyWatch, readiness, ended, requestIdHeader };
  for (const [path, methods] of Object.entries(ROUTES)) {
    routes[path] = dispatch(new Map(Object.entries(methods)), context, admission, options.onDefect);
  }
  const { certificate = null } = options;
  const listeners = new Listeners(
    (tls) => listen(options, routes, admission, ended, tls),
    certificate,
    certificate === null ? null : openKernelSockets(),
  );
  const server = listeners.current;
  const onlyThisMachine = "socket" in options.address || isLoopback(server);
  admission.listensFor(onlyThisMachine);
  return {
    url: "socket" in options.address ? options.address.socket : server.url.href.replace(/\/$/, ""),
    onlyThisMachine,
    port: server.port ?? null,
    renew: (next) => {
      const isHandedOver = listeners.renew(next);
      // Their readers come again, and see the new certificate; the listener before would wait for them for ever.
      const endStreams = (): void => events?.endReaders();
      endStreams();
      setTimeout(endStreams, bounds.certificate_overlap_milliseconds).unref();
      return isHandedOver;
    },
    drain: () => {
      draining = true;
    },
    stop: async () => {
      const forced = setTimeout(() => {
        listeners.stop(true).catch(() => {});
      }, bounds.stop_milliseconds_max);
      // The streams of those who follow the ledger end only so.
      await events?.close();
      await listeners.stop();
      clearTimeout(forced);
    },
  };
}

/** @returns null if it is known which keys it takes */
function unknownKeys(access: AccessKeys): Readiness | null {
  try {
    void access.isOpen;
    return null;
  } catch (error) {
    return { ready: false, reason: messageOf(error) };
  }
}

type BunHandler = (request: RoutedRequest) => Promise<Response>;

function listen(
  options: HttpOptions,
  routes: Record<string, BunHandler>,
  admission: Admission,
  ended: EndedRequests,
  tls: TlsPlace | null,
): Bun.Server<undefined> {
  const { address } = options;
  const fallback = (request: Request): Response => {
    ended.addStarted();
    return toResponse(admission.refusalOfAddress(request) ?? ROUTE_NOT_FOUND);
  };
  const common: CommonOptions = {
    routes: tls === null ? routes : endingWhenRetired(routes, tls.isRetired),
    fetch: tls === null ? fallback : (request) => endIfRetired(fallback(request), tls.isRetired),
    error: (error: Error) => {
      report(error, options.onDefect);
      return toResponse(DEFECT);
    },
    development: false,
    // body.ts has the real bound, and answers with a problem. Bun's own bound would answer with an empty page.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  };
  try {
    if ("socket" in address) {
      // A killed process leaves its socket file, and while the file exists nobody can listen on it.
      rmSync(address.socket, { force: true });
      const onSocket = { unix: address.socket, ...common };
      // Bun supports this for sockets too, but its types do not say so.
      Object.assign(onSocket, { idleTimeout: bounds.connection_idle_seconds_max });
      return Bun.serve(onSocket);
    }
    if (tls !== null) return listenWithTls(address, tls, common);
    // `development: false` would turn reusePort on. Then a second server could start on the same port, and each of the
    // two would get some of the requests.
    return Bun.serve({
      hostname: address.host,
      port: address.port,
      reusePort: false,
      idleTimeout: bounds.connection_idle_seconds_max,
      ...common,
    });
  } catch (error) {
    throw cannotListen(address, error);
  }
}

interface CommonOptions {
  readonly routes: Record<string, BunHandler>;
  readonly fetch: (request: Request) => Response;
  readonly error: (error: Error) => Response;
  readonly development: false;
  readonly maxRequestBodySize: number;
}

/** Several may listen on its port, one after the other, but none of another process. */
function listenWithTls(
  { host: hostname, port: wanted }: TcpAddress,
  { certificate, port: taken }: TlsPlace,
  common: CommonOptions,
): Bun.Server<undefined> {
  const { cert, key } = certificate;
  const options = { hostname, idleTimeout: bounds.connection_idle_seconds_max, ...common };
  let port = taken;
  if (port === null) {
    const first = Bun.serve({ ...options, port: wanted, reusePort: false });
    port = first.port ?? wanted;
    // Nobody has been told of it yet.
    first.stop(true).catch(() => {});
  }
  return Bun.serve({ ...options, port, reusePort: true, tls: { cert, key } });
}

function endingWhenRetired(
  routes: Readonly<Record<string, BunHandler>>,
  isRetired: () => boolean,
): Record<string, BunHandler> {
  return Object.fromEntries(
    Object.entries(routes).map(([path, handler]): [string, BunHandler] => [
      path,
      async (request) => endIfRetired(await handler(request), isRetired),
    ]),
  );
}

/** The client's next request then comes on a connection with the certificate of now. */
function endIfRetired(response: Response, isRetired: () => boolean): Response {
  if (isRetired()) response.headers.set("connection", "close");
  return response;
}

function cannotListen(address: HttpAddress, error: unknown): StartError {
  const reason = messageOf(error);
  if ("socket" in address) {
    return new StartError(`cannot listen on the socket ${address.socket} (${reason}): choose another one.`);
  }
  const { host, port, hostFrom = "the caller", portFrom = "the caller" } = address;
  const code = error instanceof Error && "code" in error ? error.code : null;
  if (code === "EADDRINUSE") {
    return new StartError(
      `port ${port} is in use: stop what listens there, or choose another one (it comes from ${portFrom}).`,
    );
  }
  // Bun's own reason for a name without an address is a random one.
  const why = code !== "EACCES" && isIP(host) === 0 ? "no address of this machine has that name" : reason;
  return new StartError(
    `cannot listen on ${host}:${port} (${why}): choose another host or port ` +
      `(the host comes from ${hostFrom}, the port from ${portFrom}).`,
  );
}

/** By the address that it is bound to, since a name can have any. Bun's types do not know that property. */
function isLoopback(server: object): boolean {
  const bound = "address" in server ? server.address : null;
  if (typeof bound !== "object" || bound === null || !("address" in bound)) return false;
  return /^(::ffff:)?127\.|^::1$/.test(String(bound.address));
}

/** One handler for all methods of a path, to answer a wrong method with 405 and only an unknown path with 404. */
function dispatch(
  methods: ReadonlyMap<string, Route>,
  context: RouteContext,
  admission: Admission,
  onDefect: (message: string) => void,
): BunHandler {
  const allow = [...methods.keys()]
    .flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]))
    .join(", ");
  const refused: Problem = {
    name: "method-not-allowed",
    detail: `Use one of: ${allow}.`,
    headers: { allow },
  };
  return async (request: RoutedRequest) => {
    context.ended.addStarted();
    // Bun itself omits the body of an answer to HEAD.
    const route = methods.get(request.method === "HEAD" ? "GET" : request.method);
    if (route === undefined) return toResponse(admission.refusalOfAddress(request) ?? refused);
    try {
      const tooMany = route.isHealth === true ? null : admission.refusalOfAddress(request);
      if (tooMany !== null) return toResponse(tooMany);
      if (route.needs === null) return await route.handle(context, request, NOBODY);
      const admitted = admission.admit(request, route.needs);
      if (!admitted.ok) return toResponse(admitted.problem);
      return admission.answered(admitted.value, await route.handle(context, request, admitted.value));
    } catch (error) {
      if (error instanceof LedgerUnavailable) return toResponse(unavailable(askedBy(request), error));
      report(error, onDefect);
      return toResponse(internalError(askedBy(request)));
    }
  };
}

function report(error: unknown, onDefect: (message: string) => void): void {
  onDefect(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
}
