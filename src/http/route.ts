import type { AccessKey } from "../access/access-key.ts";
import type { Needs } from "../access/required-scopes.ts";
import type { EventSource } from "../events/event-source.ts";
import type { Ledger, Readiness } from "../ledger/ledger.ts";
import type { EndedRequests } from "./ended-requests.ts";
import type { KeyWatch } from "./key-watch.ts";

export type RoutedRequest = Request & { readonly params: Readonly<Record<string, string>> };
/** @param key the access key that the request came with; `ANYBODY` where the server is open */
export type Handler = (
  context: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
) => Promise<Response> | Response;

export type Method = "GET" | "POST" | "PATCH" | "DELETE";

/** What a method of a path needs, and what answers it. */
export interface Route {
  readonly needs: Needs;
  /** Whoever asks whether the server is alive is not counted. */
  readonly isHealth?: true;
  readonly handle: Handler;
}

/** Each path's methods. GET also serves HEAD. */
export type Routes = Readonly<Record<string, Readonly<Partial<Record<Method, Route>>>>>;

/** What the handlers of the routes need. */
export interface RouteContext {
  readonly ledger: Ledger;
  /** `null`: this server gives none. */
  readonly events: EventSource | null;
  readonly keyWatch: KeyWatch;
  /** The readiness of the whole server, which includes the ledger's. */
  readonly readiness: () => Readiness;
  readonly ended: EndedRequests;
  /** See HttpOptions. */
  readonly requestIdHeader: string | undefined;
}
