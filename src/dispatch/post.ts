import { connect as connectTcp, isIP, type Socket } from "node:net";
import { checkServerIdentity, connect as connectTls, rootCertificates } from "node:tls";
import { bareHost } from "../tls/server-trust.ts";
import { portOf } from "./target-guard.ts";

export interface PostOptions {
  readonly url: URL;
  /** Where the connection goes, whatever the URL's name resolves to by now. */
  readonly address: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: string;
  /** Certificate authorities in PEM beside those that Bun trusts; null: none. */
  readonly authorities: string | null;
  readonly milliseconds: number;
}

export interface Posted {
  readonly status: number;
  /** In milliseconds from now. */
  readonly retryAfter: number | null;
}

/** A head over this is no answer. */
const HEAD_BYTES_MAX = 16_384;

/**
 * Sends one POST to one address, on a connection of its own, and reads the head of its answer; a redirect is an answer
 * like any other. The request is written here by hand, since the HTTP clients at hand either resolve the name once more,
 * which may then be another address, or do not check the certificate by the name when they are given an address.
 *
 * @throws Error that says what went wrong, in words that may be shown to who made the webhook
 */
export function post(options: PostOptions): Promise<Posted> {
  const { url, milliseconds } = options;
  return new Promise((resolve, reject) => {
    const socket = open(options);
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
    };
    const fail = (reason: string): void => {
      end();
      reject(new Error(reason));
    };
    const timer = setTimeout(() => fail(`no answer within ${milliseconds / 1000} s`), milliseconds);
    let head = "";
    socket.on(url.protocol === "https:" ? "secureConnect" : "connect", () =>
      socket.write(requestOf(options)),
    );
    socket.on("data", (bytes: Buffer) => {
      head += bytes.toString("latin1");
      const answer = parseHead(head);
      if (answer === null && head.length > HEAD_BYTES_MAX) return fail("the answer is not HTTP");
      if (answer === null) return;
      end();
      resolve(answer);
    });
    socket.on("error", (error: Error) => fail(error.message));
    socket.on("close", () => fail("the connection was closed without an answer"));
  });
}

function open({ url, address: host, authorities }: PostOptions): Socket {
  const port = portOf(url);
  if (url.protocol !== "https:") return connectTcp({ host, port });
  // The certificate is checked by the URL's name; where that is an address, by the address, for which there is no SNI.
  const name = bareHost(url.hostname);
  return connectTls({
    host,
    port,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ALPNProtocols: ["http/1.1"],
    minVersion: "TLSv1.2",
    rejectUnauthorized: true,
    checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    ...(authorities === null ? {} : { ca: [...rootCertificates, authorities] }),
  });
}

function requestOf({ url, headers, body }: PostOptions): string {
  const lines = [
    `POST ${url.pathname}${url.search} HTTP/1.1`,
    `host: ${url.host}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "user-agent: razonete",
    "connection: close",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** `null`: it is not whole yet, or none. Interim answers (1xx) are passed over. */
function parseHead(text: string): Posted | null {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const [line = "", ...fields] = text.slice(0, end).split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(line)?.[1] ?? 0);
  if (status === 0) return null;
  if (status < 200) return parseHead(text.slice(end + 4));
  const field = fields.find((each) => /^retry-after:/i.test(each));
  return {
    status,
    retryAfter: field === undefined ? null : waitOf(field.slice(field.indexOf(":") + 1).trim()),
  };
}

/** Seconds, or a date. */
function waitOf(text: string): number | null {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}
