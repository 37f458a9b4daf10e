import { type ServerTrust, serverTrust } from "../tls/server-trust.ts";

/** The parts of a URL as options of the NATS client, which does not read user and password from a URL itself. */
export interface NatsAddress {
  readonly servers: string;
  /** With it, the client refuses a server without TLS before it sends anything. */
  readonly tls?: ServerTrust;
  readonly user?: string;
  readonly pass?: string;
  /** What the subjects begin with that answers come to: each user may be let to its own only. */
  readonly inboxPrefix?: string;
}

/** @param url such as nats://127.0.0.1:4222, or tls://user:password@nats.example:4222 for TLS */
export function natsOptions(url: string): NatsAddress {
  const { host, username, password } = new URL(url);
  const trust = serverTrust(url);
  const address = { servers: host, ...(trust === null ? {} : { tls: trust }) };
  if (username === "") return address;
  const user = decodeURIComponent(username);
  const named = { ...address, user, pass: decodeURIComponent(password) };
  // Other names may not be part of a subject.
  return /^[\w-]+$/.test(user) ? { ...named, inboxPrefix: `_INBOX.${user}` } : named;
}
