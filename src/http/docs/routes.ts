import pageCss from "./page.css" with { type: "file" };
import pageHtml from "./page.htm" with { type: "file" };
import pageJs from "./page.js" with { type: "file" };
import license from "swagger-ui-dist/LICENSE" with { type: "file" };
import swaggerUiBundle from "swagger-ui-dist/swagger-ui-bundle.js" with { type: "file" };
import swaggerUiCss from "swagger-ui-dist/swagger-ui.css" with { type: "file" };
import { pageFile } from "../page-file.ts";
import type { Routes } from "../route.ts";

/** `GET /docs`: the OpenAPI document, to be read and tried in a browser. Nothing is read before it is asked for. */
export const docsRoutes: Routes<unknown> = {
  "/docs": { GET: pageFile(pageHtml, "text/html; charset=utf-8") },
  "/docs/page.css": { GET: pageFile(pageCss, "text/css; charset=utf-8") },
  "/docs/page.js": { GET: pageFile(pageJs, "text/javascript; charset=utf-8") },
  "/docs/swagger-ui.css": { GET: pageFile(swaggerUiCss, "text/css; charset=utf-8") },
  "/docs/swagger-ui-bundle.js": { GET: pageFile(swaggerUiBundle, "text/javascript; charset=utf-8") },
  "/docs/license.txt": { GET: pageFile(license, "text/plain; charset=utf-8") },
};
