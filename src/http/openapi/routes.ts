import type { Routes } from "../route.ts";

/** JSON. */
let document: Promise<string> | null = null;

/** `GET /openapi.json`: made when it is asked for the first time, so that nobody else pays for it. */
export const openApiRoutes: Routes = {
  "/openapi.json": {
    GET: {
      needs: null,
      handle: async () => {
        document ??= import("./document.ts").then(({ openApiDocument }) => JSON.stringify(openApiDocument()));
        return new Response(await document, {
          headers: { "content-type": "application/json", "cache-control": "no-cache" },
        });
      },
    },
  },
};
