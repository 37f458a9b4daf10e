import { CONTEST_ROUTES } from "./contest-routes.ts";
import { docsRoutes } from "./docs/routes.ts";
import { openApiRoutes } from "./openapi/routes.ts";
import { toResponse } from "./problems.ts";
import type { RouteContext, Routes } from "./route.ts";
import { V1_ROUTES } from "./v1/routes.ts";

/** Every route with its methods: the contest's two, those of `/v1`, the document of both, and the server's health. */
export const ROUTES: Routes = {
  ...CONTEST_ROUTES,
  ...V1_ROUTES,
  ...openApiRoutes,
  ...docsRoutes,
  "/livez": { GET: { needs: null, isHealth: true, handle: () => healthy("alive") } },
  "/readyz": { GET: { needs: null, isHealth: true, handle: getReadiness } },
};

function getReadiness({ readiness }: RouteContext): Response {
  const state = readiness();
  if (state.ready) return healthy("ready");
  return toResponse({ name: "not-ready", detail: `Send requests to another instance: ${state.reason}.` });
}

function healthy(status: string): Response {
  return new Response(`{"status":"${status}"}`, { headers: { "content-type": "application/json" } });
}
