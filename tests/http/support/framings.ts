import type { Random } from "../../support/random.ts";

/** Transactions as they are written on a connection: how they are framed is odd, what they say is valid. */
export interface Framing {
  readonly kind: string;
  /** The parts arrive one after the other. */
  readonly parts: readonly Buffer[];
  /** The client closes its side of the connection afterwards. */
  readonly ends: boolean;
  /** The descriptions of the transactions, in their order. */
  readonly descriptions: readonly string[];
  /** What the first transaction has to be answered; null: anything that is true. */
  readonly expected: "accepted" | "not accepted" | null;
}

/**
 * @param path where transactions are posted
 * @param descriptions that no other transaction has
 */
export function randomFraming(
  random: Random,
  path: string,
  [first, second]: readonly [string, string],
): Framing {
  const kind = random.pick(KINDS);
  // The longest ones fill a balancer's buffer before the request is whole.
  const filler = random.chance(20) ? `X: ${"a".repeat(random.integer(1, 4_500))}\r\n` : "";
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\n${filler}`;
  const body = `{"valor":1,"tipo":"c","descricao":"${first}"}`.padEnd(
    random.pick([0, 0, 200, 1_000, 4_000]),
    " ",
  );
  const framing = kind(random, head, body, second);
  const descriptions = framing.two === true ? [first, second] : [first];
  const { text, ends = false, expected = null } = framing;
  return { kind: kind.name, parts: inParts(random, text), ends, descriptions, expected };
}

const LAST_CHUNK = "0\r\n\r\n";

interface Written {
  readonly text: string;
  readonly ends?: boolean;
  readonly two?: boolean;
  readonly expected?: "accepted" | "not accepted";
}

type Kind = (random: Random, head: string, body: string, second: string) => Written;

const KINDS: readonly Kind[] = [
  wellFormed,
  trailerSection,
  wrongChunk,
  contradictoryHead,
  earlyEnd,
  bytesAfterTheEnd,
  twoAtOnce,
];

function wellFormed(random: Random, head: string, body: string): Written {
  return { text: message(random, head, body), expected: "accepted" };
}

function trailerSection(random: Random, head: string, body: string): Written {
  const fields = Array.from({ length: random.integer(1, 3) }, () =>
    random.pick(["X-Checksum: 1", "X: ", "Server-Timing: a;dur=1", `X-Long: ${"a".repeat(300)}`, "no field"]),
  );
  const chunks = inChunks(random, body);
  // A trailer that is none leaves a balancer waiting for the rest of it.
  return { text: `${chunkedHead(head)}${chunks}0\r\n${fields.join("\r\n")}\r\n\r\n`, ends: true };
}

function wrongChunk(random: Random, head: string, body: string): Written {
  const right = body.length.toString(16);
  const chunk = random.pick([
    `zz\r\n${body}\r\n`,
    `-${right}\r\n${body}\r\n`,
    `0x${right}\r\n${body}\r\n`,
    `\r\n${body}\r\n`,
    `ffffffffffffffffff\r\n${body}\r\n`,
    `${(body.length - 1).toString(16)}\r\n${body}\r\n`,
    `${(body.length + 2).toString(16)}\r\n${body}\r\n`,
    `${right}\r\n${body}`,
    `${right}\r\n${body}XX`,
  ]);
  return { text: `${chunkedHead(head)}${chunk}${LAST_CHUNK}`, ends: true, expected: "not accepted" };
}

function contradictoryHead(random: Random, head: string, body: string): Written {
  const { length } = body;
  const chunked = `${inChunks(random, body)}${LAST_CHUNK}`;
  const text = random.pick([
    `Content-Length: ${length}\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`,
    `Transfer-Encoding: chunked\r\nContent-Length: ${length}\r\n\r\n${chunked}`,
    `Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`,
    `Transfer-Encoding: gzip, chunked\r\n\r\n${chunked}`,
    `Transfer-Encoding: identity\r\nContent-Length: ${length}\r\n\r\n${body}`,
    `Content-Length: ${length}\r\nContent-Length: ${length}\r\n\r\n${body}`,
    `Content-Length: ${length}\r\nContent-Length: ${length + 1}\r\n\r\n${body}`,
    `Content-Length: ${length}, ${length}\r\n\r\n${body}`,
    `Content-Length: +${length}\r\n\r\n${body}`,
    `Content-Length : ${length}\r\n\r\n${body}`,
    `Content-Length: \r\n\r\n${body}`,
    `\r\n${body}`,
  ]);
  return { text: head + text, ends: true };
}

function earlyEnd(random: Random, head: string, body: string): Written {
  const whole = message(random, head, body);
  // A server may be content with the first bytes of the last chunk: the body is whole by then.
  const last = whole.endsWith(LAST_CHUNK) ? whole.length - LAST_CHUNK.length : whole.length - 1;
  const at = random.integer(random.pick([1, last - 20]), last);
  return { text: whole.slice(0, at), ends: true, expected: "not accepted" };
}

function bytesAfterTheEnd(random: Random, head: string, body: string): Written {
  const bytes = random.pick(["\r\n", "\r\n\r\n", "}", LAST_CHUNK, "GARBAGE", "GARBAGE\r\n\r\n", "\0", head]);
  return { text: message(random, head, body) + bytes };
}

function twoAtOnce(random: Random, head: string, body: string, second: string): Written {
  const next = `{"valor":1,"tipo":"c","descricao":"${second}"}`;
  return { text: message(random, head, body) + message(random, head, next), two: true };
}

function message(random: Random, head: string, body: string): string {
  if (random.chance(40)) return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  return `${chunkedHead(head)}${inChunks(random, body)}${LAST_CHUNK}`;
}

function chunkedHead(head: string): string {
  return `${head}Transfer-Encoding: chunked\r\n\r\n`;
}

/** Without the last chunk. */
function inChunks(random: Random, body: string): string {
  let text = "";
  for (let at = 0; at < body.length;) {
    const chunk = body.slice(at, at + random.integer(1, body.length));
    const hex = chunk.length.toString(16);
    const size = random.pick([hex, hex, hex.toUpperCase(), `00${hex}`, `${hex};x=1`, `${hex};x="a"`]);
    text += `${size}\r\n${chunk}\r\n`;
    at += chunk.length;
  }
  return text;
}

/** In one write, in a few, or one byte at a time. */
function inParts(random: Random, text: string): Buffer[] {
  const bytes = Buffer.from(text, "latin1");
  const dice = random.integer(1, 100);
  if (dice <= 50) return [bytes];
  if (dice <= 60 && bytes.length < 300) return Array.from(bytes, (byte) => Buffer.of(byte));
  const cuts = Array.from({ length: random.integer(1, 4) }, () => random.integer(0, bytes.length)).toSorted(
    (a, b) => a - b,
  );
  return [0, ...cuts]
    .map((from, index) => bytes.subarray(from, cuts[index] ?? bytes.length))
    .filter((part) => part.length > 0);
}
