import type { Ledger, Readiness } from "../ledger/ledger.ts";
import type { EndedRequests } from "./ended-requests.ts";

export type RoutedRequest = Request & { readonly params: Readonly<Record<string, string>> };
export type Handler = (request: RoutedRequest) => Promise<Response> | Response;

/** The handlers of each path, by method. GET also serves HEAD. */
export type Routes = Readonly<Record<string, Readonly<Partial<Record<"GET" | "POST" | "PATCH", Handler>>>>>;

/** What the handlers of the routes need. */
export interface RouteContext {
  readonly ledger: Ledger;
  /** The readiness of the whole server, which includes the ledger's. */
  readonly readiness: () => Readiness;
  readonly ended: EndedRequests;
  /** See HttpOptions. */
  readonly requestIdHeader: string | undefined;
}
