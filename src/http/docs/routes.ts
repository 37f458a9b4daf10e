import pageCss from "./page.css" with { type: "file" };
import pageHtml from "./page.htm" with { type: "file" };
import pageJs from "./page.js" with { type: "file" };
import license from "swagger-ui-dist/LICENSE" with { type: "file" };
import swaggerUiBundle from "swagger-ui-dist/swagger-ui-bundle.js" with { type: "file" };
import swaggerUiCss from "swagger-ui-dist/swagger-ui.css" with { type: "file" };
import type { Routes } from "../route.ts";

/** The page needs nothing from any other host, and asks none. Icons in the style sheet are data. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** `GET /docs`: the OpenAPI document, to be read and tried in a browser. Nothing is read before it is asked for. */
export const docsRoutes: Routes = {
  "/docs": route(pageHtml, "text/html; charset=utf-8"),
  "/docs/page.css": route(pageCss, "text/css; charset=utf-8"),
  "/docs/page.js": route(pageJs, "text/javascript; charset=utf-8"),
  "/docs/swagger-ui.css": route(swaggerUiCss, "text/css; charset=utf-8"),
  "/docs/swagger-ui-bundle.js": route(swaggerUiBundle, "text/javascript; charset=utf-8"),
  "/docs/license.txt": route(license, "text/plain; charset=utf-8"),
};

/** @param path in the file system, or in the executable */
function route(path: string, type: string): Routes[string] {
  return {
    GET: {
      needs: null,
      handle: () =>
        new Response(Bun.file(path), {
          headers: {
            "content-type": type,
            "cache-control": "no-cache",
            "content-security-policy": POLICY,
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
          },
        }),
    },
  };
}
