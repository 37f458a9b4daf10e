/** The parts of a URL as options of the NATS client, which does not read user and password from a URL itself. */
export interface NatsAddress {
  readonly servers: string;
  readonly user?: string;
  readonly pass?: string;
  /** What the subjects begin with that answers come to: each user may be let to its own only. */
  readonly inboxPrefix?: string;
}

/** @param url such as nats://127.0.0.1:4222 or nats://user:password@127.0.0.1:4222 */
export function natsOptions(url: string): NatsAddress {
  const { host, username, password } = new URL(url);
  if (username === "") return { servers: host };
  const user = decodeURIComponent(username);
  const named = { servers: host, user, pass: decodeURIComponent(password) };
  // Other names may not be part of a subject.
  return /^[\w-]+$/.test(user) ? { ...named, inboxPrefix: `_INBOX.${user}` } : named;
}
