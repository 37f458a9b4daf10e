import type { UndecidedShard } from "../ledger/ledger.ts";
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
  if (!state.ready) {
    const { reason, advice } = state;
    const toDo = advice === undefined ? "" : ` ${advice}`;
    return toResponse({ name: "not-ready", detail: `Send requests to another instance: ${reason}.${toDo}` });
  }
  return healthy("ready", state.undecided);
}

function healthy(status: string, undecided?: readonly UndecidedShard[]): Response {
  const headers = { "content-type": "application/json" };
  return new Response(JSON.stringify({ status, undecided }), { headers });
}
