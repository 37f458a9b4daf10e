import { bounds } from "../bounds.ts";
import { eachHost, type ServerTrust, serverTrust } from "../tls/server-trust.ts";

/** The parts of a URL as options of the NATS client, which does not read user and password from a URL itself. */
export interface NatsAddress {
  readonly servers: string[];
  /** With it, the client refuses a server without TLS before it sends anything. */
  readonly tls?: ServerTrust;
  readonly user?: string;
  readonly pass?: string;
  /** What the subjects begin with that answers come to: each user may be let to its own only. */
  readonly inboxPrefix?: string;
  readonly ignoreClusterUpdates?: boolean;
  readonly timeout?: number;
  readonly pingInterval?: number;
  readonly maxPingOut?: number;
}

/**
 * The client connects to one of the hosts, any of them, and goes to another when it loses that one.
 *
 * @param url such as nats://127.0.0.1:4222, or tls://user:password@one.example:4222,two.example:4222 for TLS
 */
export function natsOptions(url: string): NatsAddress {
  const hosts = eachHost(url);
  const [{ username, password } = new URL(url)] = hosts;
  const trust = trustOfAny(hosts);
  const address = {
    servers: hosts.map(({ host }) => host),
    ...(trust === null ? {} : { tls: trust }),
    ...(hosts.length > 1 ? GOES_TO_ANOTHER : {}),
  };
  if (username === "") return address;
  const user = decodeURIComponent(username);
  const named = { ...address, user, pass: decodeURIComponent(password) };
  // Other names may not be part of a subject.
  return /^[\w-]+$/.test(user) ? { ...named, inboxPrefix: `_INBOX.${user}` } : named;
}

/** A server that is cut off, or stands still, is left soon where there is another. */
const GOES_TO_ANOTHER = {
  timeout: bounds.feed_connect_milliseconds_max,
  pingInterval: bounds.feed_ping_milliseconds,
  maxPingOut: bounds.feed_unanswered_pings_max,
  // The addresses by which the servers know each other may be others than those by which this process reaches them.
  ignoreClusterUpdates: true,
} as const;

/** The client does not say to which of the hosts it is connected, so a certificate may be for any of them. */
function trustOfAny(hosts: readonly URL[]): ServerTrust | null {
  const trusts = hosts.map(({ href }) => serverTrust(href)).filter((trust) => trust !== null);
  const [first] = trusts;
  if (first === undefined) return null;
  return {
    ...first,
    checkServerIdentity: (host, certificate) => {
      const refusals = trusts.map((trust) => trust.checkServerIdentity(host, certificate));
      return refusals.includes(undefined) ? undefined : refusals[0];
    },
  };
}

/**
 * How many servers are to hold the stream: a URL that names three or more is of a cluster that can afford to lose one. So
 * it needs no setting of its own, nor an answer of servers that may not all be there yet.
 */
export function streamCopies(url: string): number {
  return new Set(eachHost(url).map(({ host }) => host)).size >= STREAM_COPIES ? STREAM_COPIES : 1;
}

const STREAM_COPIES = 3;
