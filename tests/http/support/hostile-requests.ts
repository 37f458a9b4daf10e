import type { Random } from "../../support/random.ts";
import { hostileBody, validTransaction } from "./hostile-bodies.ts";
import { type KnownIds, v1Command, v1Reading } from "./hostile-v1.ts";

export interface HostileRequest {
  readonly bytes: Buffer;
  /** It is HTTP: the application has to answer it. What is none may be answered by closing the connection. */
  readonly isHttp: boolean;
  readonly head: boolean;
  /** The client closes its side of the connection afterwards. */
  readonly ends: boolean;
  /** `null`: nobody knows. */
  readonly path: string | null;
  /** What it asks for, where it is held to the OpenAPI document. */
  readonly asked: {
    readonly method: string;
    readonly path: string;
    readonly key: string | null;
    readonly body: Buffer;
  } | null;
  /** A transaction for an account that exists, whatever its body is. */
  readonly transaction: {
    readonly account: string;
    readonly body: Buffer;
    readonly key: string | null;
  } | null;
}

const COMMON = {
  isHttp: true,
  head: false,
  ends: false,
  path: null,
  asked: null,
  transaction: null,
} as const;

export function hostileRequest(random: Random, known: KnownIds): HostileRequest {
  const dice = random.integer(1, 1_000);
  if (dice <= 300) return transaction(random, dice <= 100);
  if (dice <= 700) return command(random, known);
  if (dice <= 800) return reading(random, known);
  if (dice <= 880) return oddPath(random);
  if (dice <= 920) return oddMethod(random);
  if (dice <= 960) return tooLarge(random);
  if (dice <= 980) return garbage(random);
  return noRequest(random);
}

const KEYS = ["a", "b", "c", "d", "!", "~", "a".repeat(255)] as const;
const ODD_KEYS = ["", "a b", "a".repeat(256), "a".repeat(5_000), "é", "\u00a0", "a\tb", "\u00ff"] as const;

const CONTENT_TYPES = [
  "application/json",
  "text/plain",
  "application/x-www-form-urlencoded",
  "application/json; charset=utf-16",
  "multipart/form-data; boundary=x",
  "application/octet-stream",
  "x",
  "",
  "application/json, text/html",
  "\u00ff",
] as const;

function transaction(random: Random, valid: boolean): HostileRequest {
  const account = String(random.integer(1, 5));
  const body = valid ? Buffer.from(validTransaction(random)) : hostileBody(random);
  const headers: string[] = [];
  const key = random.chance(15) ? random.pick<string>(random.chance(70) ? KEYS : ODD_KEYS) : null;
  if (key !== null) headers.push(`Idempotency-Key: ${key}`);
  if (random.chance(20)) headers.push(`Content-Type: ${random.pick(CONTENT_TYPES)}`);
  if (random.chance(2)) headers.push("Expect: 100-continue");
  if (random.chance(2)) headers.push(`Content-Encoding: ${random.pick(["gzip", "br", "identity", "x"])}`);
  if (random.chance(2))
    headers.push("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13");
  const path = `/clientes/${random.chance(3) ? `%3${account}` : account}/transacoes${random.pick(["", "", "", "?x=1"])}`;
  const bytes = message(random, "POST", path, headers, body);
  const asked = { method: "POST", path, key, body };
  return { ...COMMON, bytes, asked, transaction: { account, body, key } };
}

function command(random: Random, known: KnownIds): HostileRequest {
  const { method, path, body } = v1Command(random, known);
  const key = random.chance(15) ? random.pick<string>([...KEYS, ...ODD_KEYS]) : null;
  const headers = key === null ? [] : [`Idempotency-Key: ${key}`];
  const asked = { method, path, key, body };
  return { ...COMMON, bytes: message(random, method, path, headers, body), asked };
}

function reading(random: Random, known: KnownIds): HostileRequest {
  const head = random.chance(20);
  const id = random.pick([String(random.integer(1, 5)), "6", "7000000"]);
  const path = random.pick([
    `/clientes/${id}/extrato`,
    `/clientes/${id}/extrato?x=1`,
    "/livez",
    "/readyz",
    ...Array.from({ length: 8 }, () => v1Reading(random, known)),
  ]);
  const accept = random.chance(10)
    ? [`Accept: ${random.pick(["text/csv", "text/csv;q=0.5", "*/*", "\u00ff"])}`]
    : [];
  const body = random.chance(10) ? hostileBody(random) : null;
  const method = head ? "HEAD" : "GET";
  const asked = { method, path, key: null, body: Buffer.alloc(0) };
  return { ...COMMON, bytes: message(random, method, path, accept, body), head, asked };
}

const IDS = [
  "0",
  "-1",
  "01",
  "1.0",
  "1e0",
  "+1",
  " 1",
  "%201",
  "1%20",
  "%",
  "%f",
  "%ff",
  "%00",
  "%2f",
  "%2e%2e",
  "..",
  ".",
  "é",
  "2147483648",
  "9007199254740991",
  "9007199254740993",
  "9".repeat(400),
  "NaN",
  "null",
  "true",
  "[]",
  "1,2",
  "1;2",
  "%e2%80%8b1",
  "%EF%BC%91",
  "\u00b9",
  "*",
  ":id",
  "__proto__",
  "constructor",
  "1'--",
  "{1}",
  "%7b1%7d",
  "key:a",
  "a".repeat(64),
  "a".repeat(65),
  "%F0%9F%98%80",
] as const;

/** What not every server has; the others say that they do not. */
const PAGES = [
  "/",
  "/?x=1",
  "/docs",
  "/console/console.css",
  "/console/console.js",
  "/console/status",
  "/console/status?x=1",
  "/metrics",
];

function oddPath(random: Random): HostileRequest {
  const id = random.pick(IDS).replaceAll(" ", "+");
  const known = random
    .pick([
      "/clientes/ID/transacoes",
      "/clientes/ID/extrato",
      "/v1/accounts/ID",
      "/v1/accounts/ID/entries",
      "/v1/transactions/ID/reversal",
      "/v1/holds/ID",
      "/v1/holds/ID/capture",
    ])
    .replace("ID", id);
  const path = random.pick([
    known,
    known,
    known,
    random.pick([
      ...PAGES,
      "//",
      "/clientes/",
      "/clientes//extrato",
      "/clientes/1/extrato/",
      "/CLIENTES/1",
      "/clientes/1/x",
      "/clientes/1",
      "/v1",
      "/v1/accounts/",
      "/v1/accounts/1/2",
      "/v1/holds/h/",
    ]),
    `/${"a/".repeat(random.integer(0, 500))}`,
    `/${Buffer.from(Array.from({ length: random.integer(1, 30) }, () => random.integer(0x21, 0x7e))).toString()}`,
    `/clientes/1/transacoes${random.pick(["%00", ".json", ";x=1", "%3f", "/1"])}`,
  ]);
  const method = random.pick(["GET", "POST", "PATCH"] as const);
  const body = method === "GET" ? null : Buffer.from('{"valor":1,"tipo":"c","descricao":"x"}');
  return { ...COMMON, path, bytes: message(random, method, path, [], body) };
}

function oddMethod(random: Random): HostileRequest {
  const known = random.chance(70);
  const method = known
    ? random.pick(["PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
    : random.pick(["post", "FOO", "G", "GETGETGET", "PRI", "P0ST", "M-SEARCH", "CONNECT", "PROPFIND"]);
  const path = random.pick([
    "/clientes/1/transacoes",
    "/clientes/1/extrato",
    "/v1/accounts",
    "/v1/holds/h",
    "/livez",
    "/x",
  ]);
  const body = Buffer.from('{"valor":1,"tipo":"c","descricao":"x"}');
  return { ...COMMON, bytes: message(random, method, path, [], body), isHttp: known };
}

/** Over the bound of its route, mostly by a little. With valid JSON in it, which may not be applied. */
function tooLarge(random: Random): HostileRequest {
  const [path, max, text] = random.pick([
    ["/clientes/2/transacoes", 4_096, validTransaction(random)],
    ["/v1/transactions", 8_192, '{"postings":[{"from":"@world","to":"2","amount":1}]}'],
    ["/v1/batches", 262_144, '{"atomic":true,"commands":[]}'],
  ] as const);
  const size = max + random.pick([1, 2, 1_000, random.chance(5) ? 1_000_000 : 20_000]);
  const body = Buffer.from(text.padEnd(size, random.pick([" ", "\n", "x"])));
  return { ...COMMON, bytes: message(random, "POST", path, [], body) };
}

/** Bytes that are no HTTP, and requests that contradict themselves. */
function garbage(random: Random): HostileRequest {
  const body = '{"valor":1,"tipo":"c","descricao":"x"}';
  const start = "POST /clientes/1/transacoes HTTP/1.1\r\nHost: x\r\n";
  const text = random.pick([
    `${start}Content-Length: 3\r\nContent-Length: 38\r\n\r\n${body}`,
    `${start}Content-Length: -1\r\n\r\n${body}`,
    `${start}Content-Length: 99999999999999999999\r\n\r\n${body}`,
    `${start}Content-Length: 0x26\r\n\r\n${body}`,
    `${start}Content-Length: 38\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
    `${start}Transfer-Encoding: gzip\r\n\r\n${body}`,
    `${start}Transfer-Encoding: chunked\r\n\r\nzz\r\n${body}\r\n0\r\n\r\n`,
    `${start}Transfer-Encoding: chunked\r\n\r\n-5\r\n${body}\r\n0\r\n\r\n`,
    `${start}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n${body}`,
    `${start}X\0Y: 1\r\n\r\n`,
    `${start}: 1\r\n\r\n`,
    `${start} folded\r\n\r\n`,
    `${start}X: ${"a".repeat(random.integer(17_000, 40_000))}\r\n\r\n`,
    `${start}${"X: a\r\n".repeat(300)}\r\n`,
    `GET / HTTP/9.9\r\nHost: x\r\n\r\n`,
    `GET /livez HTTP/1.1\r\n\r\n`,
    `GET  /livez  HTTP/1.1\r\nHost: x\r\n\r\n`,
    `GET /${"a".repeat(40_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    "\r\n\r\n\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    Buffer.from(Array.from({ length: random.integer(1, 400) }, () => random.integer(0, 255))).toString(
      "latin1",
    ),
  ]);
  return { ...COMMON, bytes: Buffer.from(text, "latin1"), isHttp: false, ends: true };
}

/** The chunk that ends a body. A server may be content with the first bytes of it: the body is whole by then. */
const LAST_CHUNK_BYTES = "0\r\n\r\n".length;

/** A request that its client leaves before it is whole. */
function noRequest(random: Random): HostileRequest {
  const body = Buffer.from(validTransaction(random));
  const whole = message(random, "POST", "/clientes/3/transacoes", [], body);
  const bytes = whole.subarray(0, random.integer(1, whole.length - LAST_CHUNK_BYTES));
  return { ...COMMON, bytes, isHttp: false, ends: true };
}

function message(
  random: Random,
  method: string,
  path: string,
  headers: readonly string[],
  body: Buffer | null,
): Buffer {
  const lines = [`${method} ${path} HTTP/1.1`, "Host: x", ...headers];
  if (body === null) return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  const chunked = random.chance(15);
  lines.push(chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${body.length}`);
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  return Buffer.concat([head, ...(chunked ? inChunks(random, body) : [body])]);
}

function inChunks(random: Random, body: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length;) {
    const chunk = body.subarray(at, at + random.integer(1, Math.max(20, body.length >> 2)));
    const extension = random.chance(5) ? ";x=1" : "";
    parts.push(Buffer.from(`${chunk.length.toString(16)}${extension}\r\n`), chunk, Buffer.from("\r\n"));
    at += chunk.length;
  }
  return [...parts, Buffer.from("0\r\n\r\n")];
}
