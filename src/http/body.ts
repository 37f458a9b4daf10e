import { bounds } from "../bounds.ts";
import type { Parsed } from "./parse.ts";
import type { Problem } from "./problems.ts";

const INVALID_JSON: Problem = {
  name: "invalid-json",
  detail: "Send one JSON value in UTF-8, whatever the content type says.",
};

const TOO_LARGE: Problem = {
  name: "body-too-large",
  detail: `Send at most ${bounds.body_bytes_max} bytes.`,
};

// Fatal: a replaced byte would be stored as a character that nobody sent.
const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The request's body as JSON. Of duplicate keys the last one counts, as JSON.parse has it.
 *
 * A body over the bound is refused before it is read, or where its length is not given as soon as it passes the
 * bound: what is left of it is never in memory, and the connection can still be used.
 */
export async function readJson(request: Request): Promise<Parsed<unknown>> {
  const length = request.headers.get("content-length");
  if (length !== null && Number(length) > bounds.body_bytes_max) return { ok: false, problem: TOO_LARGE };
  let bytes: Uint8Array | null;
  try {
    bytes = length === null ? await readBounded(request) : await request.bytes();
  } catch {
    // The client went away half-way through; nobody will read this answer.
    return { ok: false, problem: INVALID_JSON };
  }
  if (bytes === null) return { ok: false, problem: TOO_LARGE };
  try {
    return { ok: true, value: JSON.parse(utf8.decode(bytes)) };
  } catch {
    return { ok: false, problem: INVALID_JSON };
  }
}

/** @returns null where the body is over the bound */
async function readBounded(request: Request): Promise<Uint8Array | null> {
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop early cancels the stream.
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > bounds.body_bytes_max) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
