/** The parts of a URL as options of the NATS client, which does not read user and password from a URL itself. */
export interface NatsAddress {
  readonly servers: string;
  readonly user?: string;
  readonly pass?: string;
}

/** @param url such as nats://127.0.0.1:4222 or nats://user:password@127.0.0.1:4222 */
export function natsOptions(url: string): NatsAddress {
  const { host, username, password } = new URL(url);
  if (username === "") return { servers: host };
  return { servers: host, user: decodeURIComponent(username), pass: decodeURIComponent(password) };
}
