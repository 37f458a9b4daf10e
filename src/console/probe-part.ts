import { connect } from "node:net";
import { messageOf } from "../errors.ts";
import { bareHost } from "../tls/server-trust.ts";
import { parseMetrics, type Sample } from "./metric-text.ts";
import type { Part } from "./part-states.ts";
import { stateIn } from "./read-samples.ts";

/** A part of the cluster, and where it is asked. See docs/console.md for the forms of the address. */
export interface Target {
  readonly name: string;
  readonly url: URL;
}

/** What a part has answered. */
export interface Seen extends Pick<Part, "state" | "detail"> {
  /** None of a part that has no metrics. */
  readonly samples: readonly Sample[];
  /** It takes connections, and gave no answer in time. */
  readonly isLate?: boolean;
}

const ANSWER_BYTES_MAX = 4 * 2 ** 20;

/** Asks once. Never rejects: who does not answer in time is down. */
export async function probePart({ url }: Target, milliseconds: number): Promise<Seen> {
  try {
    const greeting = GREETINGS[url.protocol];
    if (greeting !== undefined) return await greet(url, greeting, milliseconds);
    return await ask(url, milliseconds);
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    return { state: "down", detail: `It does not answer (${messageOf(error)}).`, samples: [], isLate };
  }
}

/** Metrics, or else a health route, which says by its status how it is. */
async function ask(url: URL, milliseconds: number): Promise<Seen> {
  const signal = AbortSignal.timeout(milliseconds);
  const isSocket = url.protocol === "unix:";
  const answer = isSocket
    ? await fetch("http://part/readyz", { signal, unix: decodeURIComponent(url.pathname) })
    : await fetch(url, { signal, redirect: "error" });
  if (Number(answer.headers.get("content-length") ?? 0) > ANSWER_BYTES_MAX)
    throw new Error("it answers too much");
  const text = await answer.text();
  if (!answer.ok)
    return { state: "troubled", detail: detailIn(text) ?? `It answers ${answer.status}.`, samples: [] };
  if (answer.headers.get("content-type")?.startsWith("text/plain") !== true)
    return { state: "up", detail: null, samples: [] };
  const samples = parseMetrics(text);
  return { ...stateIn(samples), samples };
}

/** Of a problem, why the process is not ready. */
function detailIn(text: string): string | null {
  try {
    const { detail } = Object(JSON.parse(text));
    return typeof detail === "string" ? detail : null;
  } catch {
    return null;
  }
}

interface Greeting {
  readonly port: number;
  /** What is said first; null: the server does. */
  readonly hello: string | Uint8Array | null;
  /** How an answer begins of a server that is up. */
  readonly isUp: RegExp;
}

/**
 * Servers that tell whether they are there without letting anybody in: Redis answers PING, if only by asking for a
 * password, NATS greets who connects, and PostgreSQL says whether it would speak TLS.
 */
const GREETINGS: Readonly<Record<string, Greeting>> = {
  "redis:": { port: 6379, hello: "PING\r\n", isUp: /^(?:\+PONG|-NOAUTH)/ },
  "nats:": { port: 4222, hello: null, isUp: /^INFO / },
  // The message SSLRequest: its length, and its code.
  "postgres:": { port: 5432, hello: Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47), isUp: /^[NS]/ },
};

function greet(url: URL, { port, hello, isUp }: Greeting, milliseconds: number): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: bareHost(url.hostname), port: Number(url.port || port) });
    const timer = setTimeout(
      () => socket.destroy(new Error(`nothing within ${milliseconds} ms`)),
      milliseconds,
    );
    socket.on("connect", () => {
      if (hello !== null) socket.write(hello);
    });
    socket.once("data", (data) => {
      socket.destroy();
      const text = data.toString("latin1");
      if (isUp.test(text)) resolve({ state: "up", detail: null, samples: [] });
      // Such as -LOADING, and -MASTERDOWN.
      else resolve({ state: "troubled", detail: `It answers: ${text.slice(0, 100).trim()}`, samples: [] });
    });
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(timer);
      reject(new Error("it closed the connection"));
    });
  });
}
