import { expect } from "bun:test";
import { connect } from "node:net";
import { type RawAnswer, RawConnection } from "../../support/raw-connection.ts";

/** Parts of the names of keys: no answer may have one. */
export const NAMES_BEGIN = "hidden-name-";

const SILENCE_MILLISECONDS_MAX = 15_000;

export interface Answer extends RawAnswer {
  /** The body, where it is a JSON object. */
  readonly json: Readonly<Record<string, unknown>>;
  /** The name of a problem; empty where it is none. */
  readonly problem: string;
}

export type HeaderLines = Readonly<Record<string, string>>;

/** Sends requests as they are written, each on a connection of its own; no path or header is put in order. */
export class Caller {
  readonly #port: () => number;
  readonly #token: string | null;
  readonly #address: string;

  /** @param address of loopback, which the server takes the client to be */
  constructor(port: () => number, token: string | null, address = "127.0.0.1") {
    this.#port = port;
    this.#token = token;
    this.#address = address;
  }

  get(path: string, headers: HeaderLines = {}): Promise<Answer> {
    return this.send("GET", path, undefined, headers);
  }

  post(path: string, body: unknown, headers: HeaderLines = {}): Promise<Answer> {
    return this.send("POST", path, body, headers);
  }

  /** @param body a text or bytes as they are, or what is sent as JSON */
  async send(method: string, path: string, body?: unknown, headers: HeaderLines = {}): Promise<Answer> {
    const bytes = bytesOf(body);
    const lines = {
      host: `127.0.0.1:${this.#port()}`,
      connection: "close",
      ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
      ...(bytes === null ? {} : { "content-length": String(bytes.length) }),
      ...headers,
    };
    const head = [`${method} ${path} HTTP/1.1`, ...Object.entries(lines).map((line) => line.join(": "))];
    return this.raw([...head, "", ""].join("\r\n"), bytes, method === "HEAD");
  }

  /** @param head the whole of it, in Latin-1 */
  async raw(head: string, body: Uint8Array | null = null, isHead = false): Promise<Answer> {
    using connection = new RawConnection(this.#port(), this.#address);
    connection.send(Buffer.concat([Buffer.from(head, "latin1"), body ?? Buffer.alloc(0)]));
    return answerOf(await connection.answer(isHead));
  }
}

/** What came; status 0 where the connection was closed instead. */
export function answerOf(raw: RawAnswer | null): Answer {
  const answer = raw ?? { status: 0, headers: new Map(), body: "" };
  expect(answer.body).not.toContain(NAMES_BEGIN);
  const json = jsonIn(answer.body);
  const { type } = json;
  const problem = typeof type === "string" ? type.replace("urn:razonete:problem:", "") : "";
  return { ...answer, json, problem };
}

/** All of an answer but its time, its own id, the length and what is left of a limit. */
export function told({ status, headers, body }: RawAnswer, id = ""): object {
  const left = /^(?:date|request-id|content-length|ratelimit.*|retry-after)$/;
  const lines = [...headers].filter(([name]) => !left.test(name));
  return { status, headers: lines, body: id === "" ? body : body.replaceAll(id, "<id>") };
}

/** All that comes until the server closes, which it is asked to do: also what is no HTTP/1.1. */
export async function exchange(port: number, bytes: Uint8Array): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const received: Buffer[] = [];
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("data", (part: Buffer) => received.push(part));
  socket.on("error", () => {});
  socket.on("close", () => resolve());
  socket.setTimeout(SILENCE_MILLISECONDS_MAX, () => socket.destroy());
  socket.end(bytes);
  await promise;
  return Buffer.concat(received);
}

function bytesOf(body: unknown): Uint8Array | null {
  if (body === undefined) return null;
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}

function jsonIn(text: string): Answer["json"] {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
