import type { AccessKey } from "../access/access-key.ts";
import type { Needs } from "../access/required-scopes.ts";
import type { EventSource } from "../events/event-source.ts";
import type { HookStore } from "../hooks/hook-store.ts";
import type { Ledger, Readiness } from "../ledger/ledger.ts";
import type { EdgeCounters } from "../metrics/edge-counters.ts";
import type { EndedRequests } from "./ended-requests.ts";
import type { KeyWatch } from "./key-watch.ts";

export type RoutedRequest = Request & { readonly params: Readonly<Record<string, string>> };
/** @param key the access key that the request came with; `ANYBODY` where the server is open */
export type Handler<Context = RouteContext> = (
  context: Context,
  request: RoutedRequest,
  key: AccessKey,
) => Promise<Response> | Response;

export type Method = "GET" | "POST" | "PATCH" | "DELETE";

/** What a method of a path needs, and what answers it. */
export interface Route<Context = RouteContext> {
  readonly needs: Needs;
  /** Whoever asks whether the server is alive is not counted. */
  readonly isHealth?: true;
  readonly handle: Handler<Context>;
}

/** Each path's methods. GET also serves HEAD. */
export type Routes<Context = RouteContext> = Readonly<
  Record<string, Readonly<Partial<Record<Method, Route<Context>>>>>
>;

/** What any server has for its handlers. */
export interface ServerContext {
  /** The readiness of the whole server, which includes the ledger's, if it has one. */
  readonly readiness: () => Readiness;
  readonly ended: EndedRequests;
  readonly counters: EdgeCounters;
  readonly keyWatch: KeyWatch;
}

/** What the handlers of the ledger's routes need. */
export interface RouteContext extends ServerContext {
  readonly ledger: Ledger;
  /** `null`: this server gives none. */
  readonly events: EventSource | null;
  /** Webhooks and watches; `null`: this server has none. */
  readonly hooks: HookStore | null;
  /** See HttpOptions. */
  readonly requestIdHeader: string | undefined;
}
