import { bounds } from "../bounds.ts";
import type { CommandId } from "../ledger/command.ts";
import type { LedgerUnavailable } from "../ledger/ledger.ts";
import type { Report } from "../log/report.ts";
import { askedBy, internalError, type Problem, toResponse, unavailable } from "./problems.ts";
import { isVisibleAscii } from "./text.ts";

// Random for each process, so that two processes, or one before and after a restart, never make the same id.
const processPart = Buffer.from(crypto.getRandomValues(new Uint8Array(9))).toString("base64url");
let requestCount = 0;

/** A new id for a request that came without a key: unique across processes and restarts. */
export function newRequestId(): CommandId {
  requestCount += 1;
  return `req:${processPart}-${requestCount.toString(36)}`;
}

/** A request, with the id that was made for it, as soon as somebody has asked for one. */
export type NumberedRequest = Request & { madeId?: CommandId };

/**
 * The request's own id, whatever key it has: always the same for one request.
 *
 * @param stampHeader the header into which a trusted balancer writes an id; if there is such a balancer
 */
export function requestId(request: NumberedRequest, stampHeader: string | undefined): CommandId {
  const stamp = stampHeader === undefined ? null : request.headers.get(stampHeader);
  if (stamp !== null && isVisibleAscii(stamp, bounds.idempotency_key_characters_max)) return `req:${stamp}`;
  request.madeId ??= newRequestId();
  return request.madeId;
}

/** Tells a request's id: the client in the answer, and who runs the server in each line about the request. */
export class RequestIds {
  readonly #stampHeader: string | undefined;
  readonly #onDefect: Report;
  readonly #onUnavailable: Report | null;
  /** Of this second: how many were answered 503. */
  #unavailable = 0;

  /** @param onUnavailable `null`: lines about single requests that got 503 are not wanted */
  constructor(stampHeader: string | undefined, onDefect: Report, onUnavailable: Report | null) {
    this.#stampHeader = stampHeader;
    this.#onDefect = onDefect;
    this.#onUnavailable = onUnavailable;
  }

  of(request: NumberedRequest): string {
    return requestId(request, this.#stampHeader).slice("req:".length);
  }

  /** The answer with the id in it. Where a balancer stamps requests, it also tells the ids, in its own answers, too. */
  told(request: NumberedRequest, answer: Response): Response {
    if (this.#stampHeader === undefined) answer.headers.set("request-id", this.of(request));
    return answer;
  }

  defect(request: NumberedRequest, route: string, error: unknown): Response {
    const id = this.of(request);
    const about = { request_id: id, route, status: 500 };
    this.#onDefect(`${describeDefect(error)} (request ${id})`, about);
    return toResponse(withId(internalError(askedBy(request)), id));
  }

  unavailable(request: NumberedRequest, route: string, error: LedgerUnavailable): Response {
    const id = this.of(request);
    if (this.#onUnavailable !== null) this.#tell(this.#onUnavailable, id, route, error);
    return toResponse(withId(unavailable(askedBy(request), error), id));
  }

  /** Each of the first ones in a second, of the others how many. */
  #tell(report: Report, id: string, route: string, { message, outcome }: LedgerUnavailable): void {
    this.#unavailable += 1;
    if (this.#unavailable === 1) setTimeout(() => this.#endSecond(report), 1_000).unref();
    if (this.#unavailable > bounds.unavailable_told_a_second) return;
    report(`a request got 503: ${message}`, { request_id: id, route, status: 503, outcome });
  }

  #endSecond(report: Report): void {
    const more = this.#unavailable - bounds.unavailable_told_a_second;
    this.#unavailable = 0;
    if (more > 0) report(`${more} more requests got 503 in that second`, { status: 503, count: more });
  }
}

export function describeDefect(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function withId(problem: Problem, id: string): Problem {
  return { ...problem, members: { ...problem.members, request_id: id } };
}
