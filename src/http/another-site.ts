import { isIP } from "node:net";

/** Names that only this machine has. */
const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|\[::1\]|(?:[a-z0-9-]+\.)*localhost)$/i;
/** Names that nobody can register. */
const OF_NO_SITE = /^[^.]+$|\.(?:localhost|internal)$/i;

/** Nearly all requests name the same host. */
let latestOfNoSite: string | null = null;

/**
 * Whether a request may come from a page of another site, which a browser shows on a machine that reaches this server.
 * Browsers send what such a page wants to send, to loopback as well; the page only does not see the answer. It does see it
 * where the name of its own site leads to this server, as whoever has that name can arrange at any time: then `Host` is
 * that name. Programs that are no browsers send no `Origin`.
 */
export function isOfAnotherSite(headers: Headers): boolean {
  const host = headers.get("host");
  if (host !== latestOfNoSite && host !== null) {
    if (!isOfNoSite(nameIn(host))) return true;
    latestOfNoSite = host;
  }
  const origin = headers.get("origin");
  if (origin === null) return false;
  const from = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1];
  return from === undefined || (from !== host && !LOOPBACK.test(nameIn(from)));
}

function isOfNoSite(name: string): boolean {
  return OF_NO_SITE.test(name) || isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0;
}

/** Without the port. */
function nameIn(host: string): string {
  return host.replace(/:\d*$/, "");
}
