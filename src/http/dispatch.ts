import type { EdgeCounters, RouteGroup } from "../metrics/edge-counters.ts";
import { LedgerUnavailable } from "../ledger/ledger.ts";
import type { RequestSpan, Tracing } from "../traces/tracing.ts";
import { NOBODY } from "../access/access-keys.ts";
import type { Admission } from "./admission.ts";
import { type Problem, toResponse } from "./problems.ts";
import type { RequestIds } from "./request-id.ts";
import type { Route, RoutedRequest, Routes, ServerContext } from "./route.ts";

export type RequestHandler<Context> = (request: RoutedRequest, context: Context) => Promise<Response>;

/** A route with its number for what is counted. */
interface NumberedRoute<Context> extends Route<Context> {
  readonly number: number;
}

/** One handler for all methods of a path, to answer a wrong method with 405 and only an unknown path with 404. */
export function dispatch<Context extends ServerContext>(
  path: string,
  routes: Routes<Context>[string],
  counters: EdgeCounters,
  admission: Admission,
  ids: RequestIds,
): RequestHandler<Context> {
  const methods: ReadonlyMap<string, NumberedRoute<Context>> = new Map(
    Object.entries(routes ?? {}).map(([method, route]) => [
      method,
      { ...route, number: counters.add(path, method, groupOf(path, method)) },
    ]),
  );
  const wrongMethod = counters.add(path, "other", null);
  const allow = [...methods.keys()]
    .flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]))
    .join(", ");
  const refused: Problem = {
    name: "method-not-allowed",
    detail: `Use one of: ${allow}.`,
    headers: { allow },
  };
  // To set a header takes microseconds, which the successes of the contest's routes do not spend.
  const isTold = (answer: Response): boolean => !path.startsWith("/clientes/") || !answer.ok;
  const finished = (
    request: RoutedRequest,
    number: number,
    answer: Response,
    startedAt: number,
  ): Response => {
    counters.answered(number, answer.status, startedAt);
    return isTold(answer) ? ids.told(request, answer) : answer;
  };
  return async (request, context) => {
    const startedAt = performance.now();
    context.ended.addStarted();
    // Bun itself omits the body of an answer to HEAD.
    const route = methods.get(request.method === "HEAD" ? "GET" : request.method);
    if (route === undefined) {
      const answer = toResponse(admission.refusalOfAddress(request) ?? refused);
      return finished(request, wrongMethod, answer, startedAt);
    }
    const { number, needs } = route;
    try {
      const tooMany = route.isHealth === true ? null : admission.refusalOfAddress(request);
      if (tooMany !== null) return finished(request, number, toResponse(tooMany), startedAt);
      if (needs === null) {
        return finished(request, number, await route.handle(context, request, NOBODY), startedAt);
      }
      const admitted = admission.admit(request, needs);
      if (!admitted.ok) return finished(request, number, toResponse(admitted.problem), startedAt);
      const { value: key } = admitted;
      const answer = admission.answered(key, await route.handle(context, request, key));
      return finished(request, number, answer, startedAt);
    } catch (error) {
      const isOutage = error instanceof LedgerUnavailable;
      const answer = isOutage ? ids.unavailable(request, path, error) : ids.defect(request, path, error);
      return finished(request, number, answer, startedAt);
    }
  };
}

/** The same, with a span around each request that is traced. */
export function traced<Context>(
  tracing: Tracing,
  path: string,
  handle: RequestHandler<Context>,
  withSpan: (context: Context, span: RequestSpan) => Context,
  ids: RequestIds,
): RequestHandler<Context> {
  return async (request, context) => {
    const span = tracing.request(request.method, path, request.headers);
    if (span === null) return handle(request, context);
    const answer = await handle(request, withSpan(context, span));
    span.end(answer.status, ids.of(request));
    return answer;
  };
}

/** What its requests are timed with; `null`: they take as long as their reader wants, or ask nothing of the ledger. */
function groupOf(path: string, method: string): RouteGroup | null {
  if (path.startsWith("/clientes/")) return method === "POST" ? "contest" : "read";
  if (!path.startsWith("/v1/") || path === "/v1/events") return null;
  if (path === "/v1/batches") return "batch";
  return method === "GET" ? "read" : "command";
}
