import { rmSync } from "node:fs";
import { isIP } from "node:net";
import { type AccessKeys, OPEN } from "../access/access-keys.ts";
import { bounds } from "../bounds.ts";
import type { EventSource } from "../events/event-source.ts";
import type { HookStore } from "../hooks/hook-store.ts";
import type { Ledger, Readiness } from "../ledger/ledger.ts";
import { messageOf, StartError } from "../errors.ts";
import type { Report } from "../log/report.ts";
import { EdgeCounters } from "../metrics/edge-counters.ts";
import type { RequestSpan, Tracing } from "../traces/tracing.ts";
import { Admission, type Limits } from "./admission.ts";
import { EndedRequests } from "./ended-requests.ts";
import { KeyWatch } from "./key-watch.ts";
import { openKernelSockets } from "./kernel-sockets.ts";
import { Listeners, type TlsCertificate, type TlsPlace } from "./listeners.ts";
import { dispatch, traced } from "./dispatch.ts";
import { toResponse, type Problem } from "./problems.ts";
import { describeDefect, RequestIds } from "./request-id.ts";
import type { Method, Route, RoutedRequest, Routes, ServerContext } from "./route.ts";
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
  /** Beside those of the ledger. */
  readonly routes?: Routes;
  /** What is counted of requests and of what was decided. Default: nobody looks at it. */
  readonly counters?: EdgeCounters;
  /** A path of its own for `GET /metrics`. Default: there is none, as where metrics have a port of their own. */
  readonly metrics?: () => Promise<Response>;
  /** Webhooks and watches. Default: none. */
  readonly hooks?: HookStore;
  /** Called with one line for each error that should not happen. */
  readonly onDefect: Report;
  /** Called with a line for requests that got 503, but not for very many. Default: nobody wants to know. */
  readonly onUnavailable?: Report;
  /** Default: requests are not traced. */
  readonly tracing?: Tracing | null;
}

export interface HttpServer {
  readonly url: string;
  /** Whether only this machine can reach it: it listens on a loopback address or a unix socket. */
  readonly onlyThisMachine: boolean;
  /** `null` on a unix socket. */
  readonly port: number | null;
  /** What /readyz answers. */
  readonly readiness: () => Readiness;
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
    "Use /v1/accounts, /v1/transactions, /v1/holds, /v1/batches, /v1/events, /v1/webhooks, /v1/watches, /v1/key or /v1/ledger and what is under them, " +
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
  const { events = null, hooks = null, requestIdHeader, routes = {}, metrics } = options;
  const more = metrics === undefined ? routes : { ...routes, "/metrics": metricsRoute(metrics) };
  return serveRoutes(
    { ...ROUTES, ...more },
    () => ledger.readiness(),
    (server) => ({ ...server, ledger, events, hooks, requestIdHeader }),
    options,
    (context, span) => ({ ...context, ledger: span.ledger(context.ledger) }),
  );
}

/**
 * The same server, of any routes: also of a process that has no ledger.
 *
 * @throws StartError if it cannot listen on the address
 */
export function serveRoutes<Context extends ServerContext>(
  all: Routes<Context>,
  isReady: () => Readiness,
  contextOf: (server: ServerContext) => Context,
  options: HttpOptions,
  withSpan: ((context: Context, span: RequestSpan) => Context) | null = null,
): HttpServer {
  const { access = OPEN } = options;
  let draining = false;
  const readiness = (): Readiness =>
    draining ? { ready: false, reason: "this one is stopping" } : (unknownKeys(access) ?? isReady());

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
  const { counters = new EdgeCounters(), tracing = null } = options;
  const ids = new RequestIds(requestIdHeader, options.onDefect, options.onUnavailable ?? null);
  const context = contextOf({ readiness, ended, counters, keyWatch: new KeyWatch(admission) });
  for (const [path, methods] of Object.entries(all)) {
    const handle = dispatch(path, methods, counters, admission, ids);
    // A balancer asks five times a second whether it is ready.
    const isHealth = Object.values(methods).some((route) => route.isHealth);
    const isTraced = tracing !== null && withSpan !== null && !isHealth;
    const around = isTraced ? traced(tracing, path, handle, withSpan, ids) : handle;
    routes[path] = (request) => around(request, context);
  }
  const { certificate = null } = options;
  // However many paths clients make up, they are one.
  const unknown = counters.add("other", "other", null);
  const fallback = (request: Request): Response => {
    ended.addStarted();
    const response = toResponse(admission.refusalOfAddress(request) ?? ROUTE_NOT_FOUND);
    counters.answered(unknown, response.status, 0);
    return ids.told(request, response);
  };
  const listeners = new Listeners(
    (tls) => listen(options, routes, fallback, tls),
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
    readiness,
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
  fallback: (request: Request) => Response,
  tls: TlsPlace | null,
): Bun.Server<undefined> {
  const { address } = options;
  const common: CommonOptions = {
    routes: tls === null ? routes : endingWhenRetired(routes, tls.isRetired),
    fetch: tls === null ? fallback : (request) => endIfRetired(fallback(request), tls.isRetired),
    error: (error: Error) => {
      options.onDefect(describeDefect(error), { status: 500 });
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

function metricsRoute(answer: () => Promise<Response>): Readonly<Partial<Record<Method, Route>>> {
  return { GET: { needs: { all: ["ledger:read"], everyAccount: true }, handle: answer } };
}
