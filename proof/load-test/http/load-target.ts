import { lookup } from "node:dns/promises";
import { messageOf, StartError } from "../../../src/errors.ts";
import type { Address } from "./connection.ts";

/** The system under test: its address, resolved once, and what every request to it contains. */
export interface LoadTarget {
  readonly url: string;
  readonly address: Address;
  /** `host:port`, as in the URL. */
  readonly hostHeader: string;
  /** The path of the URL, without a slash at the end. */
  readonly basePath: string;
}

/**
 * Finds out where requests go.
 *
 * @throws {StartError} (exit code 2) if the URL is not valid, its host has no address, or nothing listens there
 */
export async function findTarget(text: string): Promise<LoadTarget> {
  const url = parseUrl(text);
  const port = url.port === "" ? 80 : Number(url.port);
  const hostname = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const addresses = await lookup(hostname, { all: true }).catch((error: unknown) => {
    throw new StartError(`${hostname} has no address that could be found (${codeOf(error)}).`, 2);
  });
  let reason = "";
  for (const { address } of addresses) {
    const failure = await connectFailure({ host: address, port });
    if (failure === null) {
      const basePath = url.pathname.replace(/\/+$/, "");
      return { url: text, address: { host: address, port }, hostHeader: url.host, basePath };
    }
    reason = failure;
  }
  throw new StartError(`nothing listens at ${text} (${reason}); start the system to be tested first.`, 2);
}

function parseUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new StartError(`"${text}" is not a URL; one looks like http://127.0.0.1:9999.`, 2);
  }
  if (url.protocol !== "http:") {
    throw new StartError(`"${text}" is not an http:// URL; the contest's test speaks plain HTTP.`, 2);
  }
  if (url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "") {
    throw new StartError(`"${text}" has more than a host, a port and a path; give only these.`, 2);
  }
  return url;
}

/** If the first connection takes longer than this, nothing is considered to be listening. */
const CONNECT_MILLISECONDS = 5000;

/** Null if a connection can be made, otherwise the reason why not. */
async function connectFailure({ host, port }: Address): Promise<string | null> {
  const connecting = Bun.connect({ hostname: host, port, socket: { data() {} } });
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no connection within 5 s")), CONNECT_MILLISECONDS);
  });
  try {
    const socket = await Promise.race([connecting, late]);
    socket.end();
    return null;
  } catch (error) {
    connecting.then((socket) => socket.end()).catch(() => {}); // no longer needed, whatever its result
    return codeOf(error);
  } finally {
    clearTimeout(timer);
  }
}

function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error) return String(error.code);
  return messageOf(error);
}
