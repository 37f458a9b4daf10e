import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { bareHost } from "../tls/server-trust.ts";

/**
 * Where webhooks may go. Whoever may make one chooses an address that this machine then connects to, so without a bound
 * it could reach what only this machine reaches: databases, the metadata of a cloud, its own ports (server-side request
 * forgery). A name can point anywhere and to something else each time: it is resolved at each attempt, all of its
 * addresses are looked at, and the connection goes to one of those and nowhere else.
 */

export interface Refusal {
  /** Completes the sentence "url ...". */
  readonly refused: string;
}

/** All addresses of a name. */
export type Resolve = (name: string) => Promise<readonly string[]>;

const HTTPS_PORT = 443;
/** Below it are the ports of well-known services, most of which would take a request for commands of theirs. */
const PORT_MIN = 1024;

/** Names that lead into the own network, whatever address they have. `*.localhost` never leaves the machine. */
const INNER_NAMES = /(?:^|\.)(?:localhost|local|internal|intranet|lan|home|corp|arpa)$/;

/** @param allowInner `http`, inner addresses and every port are right, too */
export function parseTarget(text: string, allowInner: boolean): URL | Refusal {
  const url = URL.parse(text);
  if (url === null) return { refused: "must be a URL" };
  if (url.protocol !== "https:" && !(allowInner && url.protocol === "http:"))
    return {
      refused: allowInner
        ? "must begin with https:// or http://"
        : "must begin with https:// (WEBHOOK_INNER=allow takes targets without TLS, and inner ones)",
    };
  if (url.username !== "" || url.password !== "")
    return { refused: "must have no user and no password: receivers verify the signature" };
  if (url.hash !== "") return { refused: "must have no fragment (#...), which is never sent" };
  if (allowInner) return url;
  const port = portOf(url);
  if (port !== HTTPS_PORT && port < PORT_MIN)
    return { refused: `must have port ${HTTPS_PORT}, or one from ${PORT_MIN}` };
  const address = addressIn(url);
  if (address !== null) return isPublic(address) ? url : { refused: INNER };
  const name = url.hostname.replace(/\.$/, "");
  if (!name.includes(".") || INNER_NAMES.test(name)) return { refused: INNER };
  return url;
}

const INNER =
  "must be reachable from everywhere: names and addresses of an inner network are refused (WEBHOOK_INNER=allow takes them)";

/** The addresses that a request to a target may be sent to just now. Throws what `resolve` does. */
export async function allowedAddresses(
  text: string,
  resolve: Resolve,
  allowInner: boolean,
): Promise<readonly string[] | Refusal> {
  const url = parseTarget(text, allowInner);
  if (!(url instanceof URL)) return url;
  const address = addressIn(url);
  if (address !== null) return [address];
  const addresses = await resolve(url.hostname);
  if (addresses.length === 0) return { refused: "has a name without an address" };
  // One inner address among others is enough: which of them is connected to may be a matter of chance.
  return allowInner || addresses.every(isPublic) ? addresses : { refused: INNER };
}

export function portOf({ port, protocol }: URL): number {
  return port === "" ? (protocol === "http:" ? 80 : HTTPS_PORT) : Number(port);
}

/** The address that stands in the URL itself; `null` where that has a name. */
function addressIn({ hostname }: URL): string | null {
  const bare = bareHost(hostname);
  return isIP(bare) === 0 ? null : bare;
}

/** The prefix of RFC 6052, by which networks with IPv6 alone reach IPv4: its last 32 bits are the address. */
const NAT64 = ipaddr.IPv6.parse("64:ff9b::");
/** All that is given out of IPv6's addresses. */
const GLOBAL_UNICAST = ipaddr.IPv6.parse("2000::");

/** What is in a tunnel (6to4, Teredo) may lead anywhere and is refused; IPv4 within IPv6 is looked at as IPv4. */
function isPublic(address: string): boolean {
  if (isIP(address) === 0) return false;
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.range() === "unicast";
  if (parsed.zoneId !== undefined) return false;
  if (parsed.match(NAT64, 96)) return new ipaddr.IPv4(parsed.toByteArray().slice(12)).range() === "unicast";
  return parsed.range() === "unicast" && parsed.match(GLOBAL_UNICAST, 3);
}
