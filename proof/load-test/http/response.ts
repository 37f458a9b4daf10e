import { loadTestBounds } from "../load-test-bounds.ts";

/** An HTTP/1.1 response, as far as the load test needs it. */
export interface Response {
  readonly status: number;
  /** The status line and the headers, as received. */
  readonly head: string;
  readonly body: string;
  /** The connection may carry another request. */
  readonly keepAlive: boolean;
}

export type ParseResult =
  | { readonly type: "more" }
  | { readonly type: "whole"; readonly response: Response }
  | { readonly type: "garbled"; readonly reason: string };

const MORE: ParseResult = { type: "more" };
const EMPTY = Buffer.alloc(0);

interface Head {
  readonly status: number;
  readonly text: string;
  /** Where the body begins, in bytes. */
  readonly bodyAt: number;
  /** Bytes, `chunked`, or `close`: everything until the connection ends. */
  readonly length: number | "chunked" | "close";
  readonly keepAlive: boolean;
}

/**
 * Assembles one response from its chunks. Nearly every response is one chunk, so a copy for each further one is
 * cheap.
 */
export class ResponseReader {
  #bytes: Buffer = EMPTY;
  #head: Head | null = null;

  /** @param chunk copied if it has to outlive the call */
  push(chunk: Buffer): ParseResult {
    const isFirst = this.#bytes.length === 0;
    this.#bytes = isFirst ? chunk : Buffer.concat([this.#bytes, chunk]);
    if (this.#bytes.length > loadTestBounds.answer_bytes_max) {
      return garbled(`an answer of more than ${loadTestBounds.answer_bytes_max} bytes`);
    }
    const result = this.#read(false);
    // The runtime may reuse the chunk's memory after the call.
    if (result.type === "more" && isFirst) this.#bytes = Buffer.from(this.#bytes);
    return result;
  }

  /** The connection has ended: nothing more will come. */
  end(): ParseResult {
    return this.#read(true);
  }

  #read(ended: boolean): ParseResult {
    for (;;) {
      if (this.#head === null) {
        const headEnd = this.#bytes.indexOf("\r\n\r\n");
        if (headEnd === -1) return MORE;
        const head = readHead(this.#bytes.toString("latin1", 0, headEnd), headEnd + 4);
        if (head === null) return garbled("an answer that is not HTTP/1.1");
        this.#head = head;
      }
      // 1xx: an interim response; the final one follows.
      if (this.#head.status >= 200) return readBody(this.#bytes, this.#head, ended);
      this.#bytes = this.#bytes.subarray(this.#head.bodyAt);
      this.#head = null;
    }
  }
}

function readHead(text: string, bodyAt: number): Head | null {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const match = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(statusLine);
  if (match === null) return null;
  const status = Number(match[2]);
  let length: Head["length"] = "close";
  let keepAlive = match[1] === "1";
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line
      .slice(colon + 1)
      .trim()
      .toLowerCase();
    if (name === "content-length") {
      if (!/^\d{1,15}$/.test(value)) return null;
      if (length !== "chunked") length = Number(value);
    } else if (name === "transfer-encoding") {
      if (value === "chunked") length = "chunked";
    } else if (name === "connection") {
      keepAlive = value.includes("keep-alive") || (keepAlive && !value.includes("close"));
    }
  }
  if (status === 204 || status === 304) length = 0;
  return { status, text, bodyAt, length, keepAlive: keepAlive && length !== "close" };
}

function readBody(bytes: Buffer, head: Head, ended: boolean): ParseResult {
  const { status, text, bodyAt, length } = head;
  if (length === "chunked") return readChunks(bytes, head);
  if (length === "close" && !ended) return MORE;
  const end = length === "close" ? bytes.length : bodyAt + length;
  if (bytes.length < end) return MORE;
  const body = bytes.toString("utf8", bodyAt, end);
  // Extra bytes would be mistaken for the answer to the next request.
  const keepAlive = head.keepAlive && bytes.length === end;
  return { type: "whole", response: { status, head: text, body, keepAlive } };
}

function readChunks(bytes: Buffer, head: Head): ParseResult {
  const chunks: Buffer[] = [];
  for (let at = head.bodyAt; ;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd === -1) return MORE;
    const size = /^([0-9a-f]{1,8})\s*(?:;|$)/i.exec(bytes.toString("latin1", at, lineEnd))?.[1];
    if (size === undefined) return garbled("a chunk without a length");
    const from = lineEnd + 2;
    const to = from + Number.parseInt(size, 16);
    if (to === from) {
      // Trailers may follow the last chunk; an empty line ends them.
      const end = bytes.indexOf("\r\n\r\n", lineEnd);
      if (end === -1) return MORE;
      const { status, text } = head;
      const body = Buffer.concat(chunks).toString("utf8");
      const keepAlive = head.keepAlive && bytes.length === end + 4;
      return { type: "whole", response: { status, head: text, body, keepAlive } };
    }
    if (bytes.length < to + 2) return MORE;
    chunks.push(bytes.subarray(from, to));
    at = to + 2;
  }
}

function garbled(reason: string): ParseResult {
  return { type: "garbled", reason };
}

/** The value of a header in a response's head; null if there is no such header. */
export function headerOf(head: string, name: string): string | null {
  for (const line of head.split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    if (line.slice(0, colon).toLowerCase() === name) return line.slice(colon + 1).trim();
  }
  return null;
}
