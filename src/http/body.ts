import type { Parsed } from "./parse.ts";
import { bounds } from "../bounds.ts";
import { inTime, LATE } from "./in-time.ts";
import { parseJson } from "./parse-json.ts";
import type { Problem } from "./problems.ts";

const INVALID_JSON: Problem = {
  name: "invalid-json",
  detail: "Send one JSON value in UTF-8, whatever the content type says.",
};

/** What follows of the body would be taken for the next request. */
const TOO_SLOW: Problem = {
  name: "request-timeout",
  detail: `The body did not come within ${bounds.body_milliseconds_max / 1000} s. Nothing was changed: send it again.`,
  headers: { connection: "close" },
};

function tooLarge(bytesMax: number): Problem {
  return { name: "body-too-large", detail: `Send at most ${bytesMax} bytes.` };
}

// Fatal: otherwise an invalid byte would be replaced, and stored as a character that nobody sent.
const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The request's body as JSON. If a key occurs twice, the last one counts, as in JSON.parse. See parseJson for numbers.
 *
 * A body over the bound is refused before it is read. If its length is not given, it is refused as soon as it passes
 * the bound. The rest of it is never in memory, and the connection can still be used.
 *
 * If it came in chunks, what was received after the last one was well-formed, too.
 *
 * @param whenEmpty what an empty body means; without it that is an error
 */
export async function readJson(
  request: Request,
  bytesMax: number,
  whenEmpty?: object,
): Promise<Parsed<unknown>> {
  const length = request.headers.get("content-length");
  if (length !== null && Number(length) > bytesMax) return { ok: false, problem: tooLarge(bytesMax) };
  let bytes: Uint8Array | null;
  try {
    const received = length === null ? readBounded(request, bytesMax) : request.bytes();
    const outcome = await inTime(received);
    if (outcome === LATE) return { ok: false, problem: TOO_SLOW };
    bytes = outcome;
  } catch {
    // The client disconnected in the middle of the body, or it is malformed; nobody will read this answer.
    return { ok: false, problem: INVALID_JSON };
  }
  if (bytes === null) return { ok: false, problem: tooLarge(bytesMax) };
  if (bytes.length === 0 && whenEmpty !== undefined) return { ok: true, value: whenEmpty };
  try {
    return { ok: true, value: parseJson(utf8.decode(bytes)) };
  } catch {
    return { ok: false, problem: INVALID_JSON };
  }
}

/** @returns null if the body is over the bound */
async function readBounded(request: Request, bytesMax: number): Promise<Uint8Array | null> {
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop early cancels the stream.
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > bytesMax) return null;
    chunks.push(chunk);
  }
  // Bun ends the stream before it looks at what follows the last chunk, and takes no trailer section: it answers 400 to
  // all but an empty line. In the next turn of the event loop it has looked at all that was received, which from a
  // balancer that waits for whole requests is all there is.
  await new Promise((resolve) => setImmediate(resolve));
  request.signal.throwIfAborted();
  return Buffer.concat(chunks);
}
