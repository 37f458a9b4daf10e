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
    if (url.protocol === "redis:" || url.protocol === "nats:") return await greet(url, milliseconds);
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

/**
 * Whether a server of Redis or NATS is there, without being let in: NATS greets who connects, and Redis answers PING, if
 * only by asking for a password.
 */
function greet(url: URL, milliseconds: number): Promise<Seen> {
  const isRedis = url.protocol === "redis:";
  const port = Number(url.port || (isRedis ? 6379 : 4222));
  return new Promise((resolve, reject) => {
    const socket = connect({ host: bareHost(url.hostname), port });
    const timer = setTimeout(
      () => socket.destroy(new Error(`nothing within ${milliseconds} ms`)),
      milliseconds,
    );
    socket.on("connect", () => {
      if (isRedis) socket.write("PING\r\n");
    });
    socket.once("data", (data) => {
      socket.destroy();
      const text = data.toString("latin1");
      if (/^(?:\+PONG|-NOAUTH|INFO )/.test(text)) resolve({ state: "up", detail: null, samples: [] });
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
