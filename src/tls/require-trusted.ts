import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type PeerCertificate } from "node:tls";
import { bounds } from "../bounds.ts";
import { StartError } from "../errors.ts";
import { askPostgres, firstBytes } from "./first-bytes.ts";
import { bareHost, eachHost, type ServerTrust, serverTrust } from "./server-trust.ts";

/** By the parts of a configuration that have its URL: each server's variable, and how TLS begins there. */
const SERVERS = {
  databaseUrl: { name: "DATABASE_URL", port: 5432, plain: "sslmode=disable", begin: askPostgres },
  redisUrl: {
    name: "REDIS_URL",
    port: 6379,
    plain: "redis:// in place of rediss://",
    begin: () => Promise.resolve(true),
  },
  natsUrl: { name: "NATS_URL", port: 4222, plain: "nats:// in place of tls://", begin: askNats },
} as const;

type Server = keyof typeof SERVERS;

/**
 * Looks at the certificates of all servers that are asked for theirs, so that a wrong one is told at the start, in words:
 * the clients would try again for ever. A server that cannot be reached yet is left to them; they check it as well.
 *
 * @throws StartError that says what is wrong with the first of them
 */
export async function requireTrusted(
  urls: Partial<Readonly<Record<Server, string>>>,
  exitCode?: number,
): Promise<void> {
  for (const [server, url] of Object.entries(urls)) {
    if (!isServer(server)) continue;
    // A unix socket's URL may have no host.
    if (serverTrust(url) === null) continue;
    for (const one of eachHost(url)) {
      const trust = serverTrust(one.href);
      const reason = trust === null ? null : await whyRefused(server, one, trust);
      if (reason !== null) throw new StartError(reason, exitCode);
    }
  }
}

function isServer(name: string): name is Server {
  return name in SERVERS;
}

/** @returns null for a server that is the right one, or is away */
async function whyRefused(server: Server, url: URL, trust: ServerTrust): Promise<string | null> {
  const { name, port, plain, begin } = SERVERS[server];
  const address = { host: bareHost(url.hostname), port: Number(url.port) || port };
  const where = `${url.hostname}:${address.port} (${name})`;
  const noTls = `${where} is to speak TLS and does not: turn TLS on there, or write ${plain}.`;
  const told = { host: address.host, where, name, noTls };
  const outcome = await onConnection(address, async (socket) => {
    const speaksTls = await begin(socket);
    if (speaksTls === null) return null;
    return speaksTls ? shakeHands(socket, trust, told) : noTls;
  });
  if (outcome !== SILENT || server !== "redisUrl") return outcome === SILENT ? null : outcome;
  // To a Redis without TLS the handshake is the beginning of a line, of which it waits for the end.
  const isPlain = await onConnection(address, async (socket) => {
    socket.write("PING\r\n");
    return /^[+-]/.test((await firstBytes(socket)) ?? "") ? noTls : null;
  });
  return isPlain === SILENT ? null : isPlain;
}

const SILENT = Symbol("the server does not answer");

/** @returns null if there was no connection */
async function onConnection(
  address: { readonly host: string; readonly port: number },
  use: (socket: Socket) => Promise<string | null>,
): Promise<string | null | typeof SILENT> {
  const socket = connect(address);
  const late = Promise.withResolvers<typeof SILENT>();
  const timer = setTimeout(() => late.resolve(SILENT), bounds.redis_connect_milliseconds_max);
  const used = once(socket, "connect").then(
    () => {
      // What happens to it from now on shows in what is read from it.
      socket.on("error", () => {});
      return use(socket);
    },
    () => null,
  );
  try {
    return await Promise.race([used, late.promise]);
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

async function askNats(socket: Socket): Promise<boolean | null> {
  const greeting = await firstBytes(socket);
  return greeting === null ? null : /"tls_(required|available)":\s*true/.test(greeting);
}

async function shakeHands(socket: Socket, trust: ServerTrust, told: Told): Promise<string | null> {
  const { host } = told;
  let seen: PeerCertificate | null = null;
  const secure = connectTls({
    ...trust,
    socket,
    ...(/[a-z]/i.test(host) && !host.includes(":") ? { servername: host } : {}),
    checkServerIdentity: (name, certificate) => {
      seen = certificate;
      return trust.checkServerIdentity(name, certificate);
    },
  });
  const { promise, resolve } = Promise.withResolvers<Error | null>();
  secure.once("secureConnect", () => resolve(null));
  secure.on("error", resolve);
  secure.once("close", () => resolve(new Error("it closed the connection")));
  const error = await promise;
  secure.destroy();
  if (error === null) return null;
  return describe(error, seen, told);
}

interface Told {
  readonly host: string;
  readonly where: string;
  /** The variable of its URL. */
  readonly name: string;
  readonly noTls: string;
}

function describe(error: Error, seen: PeerCertificate | null, { host, where, name, noTls }: Told): string {
  const code = "code" in error ? String(error.code) : "";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    const names = seen?.subjectaltname?.replaceAll(/(DNS|IP Address):/g, "") ?? "no name";
    return (
      `the certificate of ${where} is for ${names}, and not for ${host}: write one of its names in ${name}, ` +
      "or give the server a certificate for this one."
    );
  }
  if (code === "CERT_HAS_EXPIRED") return `the certificate of ${where} has expired: renew it there.`;
  if (/^(DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|CERT_|INVALID_CA)/.test(code)) {
    return (
      `the certificate of ${where} is from a CA that is not trusted here (${error.message}): ` +
      "name the PEM file of the server's CA in CA_FILE."
    );
  }
  if (
    /WRONG_VERSION_NUMBER|closed the connection|ECONNRESET|PACKET_LENGTH/.test(`${code} ${error.message}`)
  ) {
    return noTls;
  }
  return `TLS with ${where} fails (${error.message}): its log may say why.`;
}
