import { CONTEST_ROUTES } from "./contest-routes.ts";
import { docsRoutes } from "./docs/routes.ts";
import { openApiRoutes } from "./openapi/routes.ts";
import { toResponse } from "./problems.ts";
import type { Routes, ServerContext } from "./route.ts";
import { V1_ROUTES } from "./v1/routes.ts";

/** Of any server of ours, with or without a ledger. */
export const HEALTH_ROUTES: Routes<ServerContext> = {
  "/livez": { GET: { needs: null, isHealth: true, handle: () => healthy("alive") } },
  "/readyz": { GET: { needs: null, isHealth: true, handle: getReadiness } },
};

/** Every route with its methods: the contest's two, those of `/v1`, the document of both, and the server's health. */
export const ROUTES: Routes = {
  ...CONTEST_ROUTES,
  ...V1_ROUTES,
  ...openApiRoutes,
  ...docsRoutes,
  ...HEALTH_ROUTES,
};

function getReadiness({ readiness }: ServerContext): Response {
  const state = readiness();
  if (state.ready && state.undecided !== undefined)
    return Response.json({ status: "ready", undecided: state.undecided });
  if (state.ready) return healthy("ready");
  return toResponse({ name: "not-ready", detail: `Send requests to another instance: ${state.reason}.` });
}

function healthy(status: string): Response {
  return new Response(`{"status":"${status}"}`, { headers: { "content-type": "application/json" } });
}
