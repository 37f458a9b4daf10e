import { language } from "./words.ts";

/** Asks the server that the page came from, and no other. */

/** Why something was not done: the members of the API's problems that the page uses. */
export interface Problem {
  /** The last part of its type; `unreachable` where no answer came, `strange` where it was none of the API. */
  readonly name: string;
  readonly status: number;
  readonly detail: string;
  readonly account?: string;
  readonly index?: number;
  readonly scope?: string;
  readonly state?: string;
  readonly reversal?: string;
  /** `unknown`: it may have been applied or not. */
  readonly outcome?: "none" | "unknown";
  readonly errors?: readonly FieldError[];
}
export interface FieldError {
  readonly pointer?: string;
  readonly parameter?: string;
  readonly detail: string;
}

export type Answer<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

export interface Command {
  readonly method: "POST" | "PATCH";
  readonly path: string;
  readonly body: object | null;
}

const STORED = "razonete-key";
const URN = "urn:razonete:problem:";

/** Of this tab alone, until it is closed. */
export function accessKey(): string | null {
  return sessionStorage.getItem(STORED);
}

export function setAccessKey(key: string | null): void {
  if (key === null) sessionStorage.removeItem(STORED);
  else sessionStorage.setItem(STORED, key);
}

/** Told of every answer: where the key is not taken any more, and by which clock the server goes. */
let observe: (response: Response | null) => void = () => {};

export function observeAnswers(observer: (response: Response | null) => void): void {
  observe = observer;
}

type Asked = Omit<RequestInit, "headers"> & { readonly headers?: Readonly<Record<string, string>> };

/** @throws where no answer came, and where it was given up */
export async function ask(path: string, init: Asked = {}): Promise<Response> {
  const key = accessKey();
  const headers = {
    ...init.headers,
    "accept-language": language(),
    ...(key === null ? {} : { authorization: `Bearer ${key}` }),
  };
  try {
    const response = await fetch(path, { ...init, headers, cache: "no-store", credentials: "omit" });
    observe(response);
    return response;
  } catch (error) {
    if (init.signal?.aborted !== true) observe(null);
    throw error;
  }
}

export async function read<T>(path: string, signal?: AbortSignal): Promise<Answer<T>> {
  return answer(path, signal === undefined ? {} : { signal });
}

/** @param key the command's Idempotency-Key: sent again with the same one, it is done once */
export async function send<T>({ method, path, body }: Command, key: string): Promise<Answer<T>> {
  const headers = { "idempotency-key": key, "content-type": "application/json" };
  return answer(path, { method, headers, ...(body === null ? {} : { body: JSON.stringify(body) }) });
}

async function answer<T>(path: string, init: Asked): Promise<Answer<T>> {
  let response: Response;
  try {
    response = await ask(path, init);
    if (response.ok) return { ok: true, value: await response.json() };
  } catch {
    // A command may have arrived all the same.
    return { ok: false, problem: { name: "unreachable", status: 0, detail: "", outcome: "unknown" } };
  }
  return { ok: false, problem: await problemIn(response) };
}

export async function problemIn(response: Response): Promise<Problem> {
  const strange: Problem = {
    name: "strange",
    status: response.status,
    detail: `HTTP ${response.status}`,
    outcome: response.status >= 500 ? "unknown" : "none",
  };
  try {
    const body: Problem & { type?: string } = await response.json();
    const { type } = body;
    if (type?.startsWith(URN) !== true) return strange;
    const name = type.slice(URN.length);
    return name === "internal-error" ? { ...body, name, outcome: "unknown" } : { ...body, name };
  } catch {
    return strange;
  }
}

/** A path with what it is about in it. Ids may have characters that an address may not. */
export function pathOf(
  parts: readonly string[],
  query: Readonly<Record<string, string | null>> = {},
): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === null || value === "" ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  const path = `/${parts.map(encodeURIComponent).join("/")}`;
  return pairs.length === 0 ? path : `${path}?${pairs.join("&")}`;
}

export function newKey(): string {
  // `randomUUID` is there on secure origins alone, and a ledger in a private network may have none.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `console-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
