import { connect as connectTcp, isIP, type Socket } from "node:net";
import { checkServerIdentity, connect as connectTls, rootCertificates } from "node:tls";
import { bareHost } from "../tls/server-trust.ts";
import { type Answer, parseAnswer } from "./http-answer.ts";
import { portOf } from "./target-guard.ts";

/** It had been open, and was closed before anything of an answer came. */
export class ClosedUnanswered extends Error {
  constructor(message = "the connection was closed without an answer") {
    super(message);
  }
}

/** What is read of an answer: a head over this is none, and what has a longer body is not read to its end. */
const ANSWER_BYTES_MAX = 16_384;

/** One request, while it is on its way. */
interface Exchange {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  /** All that came of its answer. */
  text: string;
  readonly timer: ReturnType<typeof setTimeout>;
}

/**
 * A connection to one address, for one request at a time. Where a certificate is asked for, it is checked by the URL's
 * name before anything is sent.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #onIdle: (connection: Connection) => void;
  #request: string | null = null;
  #exchange: Exchange | null = null;
  #isOpen = false;
  readonly openedAt: number = performance.now();
  /** Called once, when it is of no use any more. */
  onClosed: () => void = () => {};

  /**
   * @param authorities certificate authorities in PEM beside those that Bun trusts; null: none
   * @param onIdle called when an answer was read to its end, so that the next request may be sent
   */
  constructor(
    url: URL,
    address: string,
    authorities: string | null,
    onIdle: (connection: Connection) => void,
  ) {
    this.#onIdle = onIdle;
    this.#socket = open(url, address, authorities);
    this.#socket.on(url.protocol === "https:" ? "secureConnect" : "connect", () => {
      this.#isOpen = true;
      this.#write();
    });
    this.#socket.on("data", (bytes: Buffer) => this.#read(bytes));
    this.#socket.on("error", (error: Error) =>
      this.#fail(this.#isOpen ? new ClosedUnanswered(error.message) : error),
    );
    this.#socket.on("end", () => this.#fail(new ClosedUnanswered()));
    this.#socket.on("close", () => this.#fail(new ClosedUnanswered()));
  }

  /**
   * @param milliseconds for its answer, of those that are `allowed` in all
   * @throws ClosedUnanswered
   * @throws Error that says what went wrong
   */
  send(request: string, milliseconds: number, allowed: number): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#request = request;
    const late = (): void => this.#fail(new Error(`no answer within ${allowed / 1000} s`));
    this.#exchange = { resolve, reject, text: "", timer: setTimeout(late, milliseconds) };
    if (this.#isOpen) this.#write();
    return promise;
  }

  close(): void {
    this.#fail(new ClosedUnanswered());
  }

  #write(): void {
    if (this.#request !== null) this.#socket.write(this.#request);
    this.#request = null;
  }

  #read(bytes: Buffer): void {
    const exchange = this.#exchange;
    // Nobody asked for it: what it is an answer to cannot be told.
    if (exchange === null) return this.close();
    exchange.text += bytes.toString("latin1");
    const answer = parseAnswer(exchange.text);
    const isLong = exchange.text.length > ANSWER_BYTES_MAX;
    if (answer === null) return isLong ? this.#fail(new Error("the answer is not HTTP")) : undefined;
    // It counts from its head on; the body is read for the sake of the next request.
    exchange.resolve(answer);
    if (answer.body === "endless" || isLong) return this.close();
    if (answer.body === "more") return;
    clearTimeout(exchange.timer);
    this.#exchange = null;
    this.#onIdle(this);
  }

  #fail(error: Error): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    clearTimeout(exchange?.timer);
    this.#socket.destroy();
    const isCut = error instanceof ClosedUnanswered && exchange !== null && exchange.text !== "";
    exchange?.reject(isCut ? new Error(error.message) : error);
    this.onClosed();
    this.onClosed = () => {};
  }
}

function open(url: URL, host: string, authorities: string | null): Socket {
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
