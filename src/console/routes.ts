import consoleCss from "./dist/console.css" with { type: "file" };
import consoleHtml from "./dist/console.htm" with { type: "file" };
import consoleJs from "./dist/console.js" with { type: "file" };
import { pageFile } from "../http/page-file.ts";
import { toResponse } from "../http/problems.ts";
import type { Routes } from "../http/route.ts";
import { parseNoQuery } from "../http/v1/query.ts";
import type { ConsoleStatus } from "./console-status.ts";
import { inPortuguese } from "./part-details.ts";
import type { StatusSource } from "./status-source.ts";

/** The console's page, which anybody may read, and what it shows first, which says much of the ledger. */
export function consoleRoutes(source: StatusSource): Routes<unknown> {
  return {
    "/": { GET: pageFile(consoleHtml, "text/html; charset=utf-8") },
    "/console/console.css": { GET: pageFile(consoleCss, "text/css; charset=utf-8") },
    "/console/console.js": { GET: pageFile(consoleJs, "text/javascript; charset=utf-8") },
    "/console/status": {
      GET: {
        needs: { all: ["ledger:read"], everyAccount: true },
        handle: async (_, request) => {
          const query = parseNoQuery(request);
          if (!query.ok) return toResponse(query.problem);
          const headers = { "content-type": "application/json", "cache-control": "no-store" };
          const status = await source.status();
          return new Response(JSON.stringify(isPortuguese(request) ? translated(status) : status), {
            headers,
          });
        },
      },
    },
  };
}

function isPortuguese(request: Request): boolean {
  return /^pt\b/i.test(request.headers.get("accept-language") ?? "");
}

function translated(status: ConsoleStatus): ConsoleStatus {
  const parts = status.parts.map((part) => ({
    ...part,
    detail: part.detail === null ? null : inPortuguese(part.detail),
  }));
  return { ...status, parts };
}
