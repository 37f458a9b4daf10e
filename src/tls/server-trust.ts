import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { messageOf, StartError } from "../errors.ts";

/** The parameter of a URL with the file of the CAs that its server's certificate may be from; libpq's name for it. */
export const CA_PARAMETER = "sslrootcert";

/** How this process makes sure that a server is the one that it asked for: options of `tls.connect`. */
export interface ServerTrust {
  /** In PEM. Without it, the CAs that Bun trusts. */
  readonly ca?: string;
  readonly minVersion: "TLSv1.2";
  readonly rejectUnauthorized: true;
  readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
}

/**
 * Whether, and how, the server of a URL is asked for its certificate: rediss://, tls:// and sslmode=verify-full. Of a URL
 * that names several hosts, it is for the first: see {@link eachHost}.
 *
 * @returns null for a connection without TLS
 * @throws StartError if the URL wants less than a checked certificate, or its CAs cannot be read
 */
export function serverTrust(url: string): ServerTrust | null {
  // A unix socket's URL may have no host, which URL does not take. It does not leave this machine.
  if (url.startsWith("unix:") || (url.startsWith("postgres") && !url.includes("sslmode="))) return null;
  const [first = new URL(url)] = eachHost(url);
  if (!usesTls(first.protocol, first.searchParams.get("sslmode"))) return null;
  const file = first.searchParams.get(CA_PARAMETER);
  return {
    ...(file === null ? {} : { ca: readCertificates(file) }),
    minVersion: "TLSv1.2",
    rejectUnauthorized: true,
    // Clients that first open a plain connection forget the host where it is an address, and would check another name.
    checkServerIdentity: (_, certificate) => checkServerIdentity(bareHost(first.hostname), certificate),
  };
}

/** The URL once for each of its hosts: that of PostgreSQL or of a Redis Cluster may name several, which URL does not take. */
export function eachHost(url: string): URL[] {
  const [cluster, tls = "", login = "", nodes = "", rest = ""] =
    /^redis(s?)-cluster:\/\/((?:[^@/?]*@)?)([^@/?]*)(.*)$/.exec(url) ?? [];
  if (cluster !== undefined)
    return nodes.split(",").map((node) => new URL(`redis${tls}://${login}${node}${rest}`));
  const [, head = "", hosts = "", tail = ""] =
    /^(postgres(?:ql)?:\/\/(?:[^@/?]*@)?)([^@/?]*,[^@/?]*)(.*)$/.exec(url) ?? [];
  return hosts === "" ? [new URL(url)] : hosts.split(",").map((host) => new URL(head + host + tail));
}

/**
 * The URL with its server's CAs: in it, they reach whoever connects to the server.
 *
 * @param file of the CAs, where the URL does not name one itself; "" for none
 * @throws StartError as {@link serverTrust}
 */
export function withCa(url: string, file: string): string {
  const trust = serverTrust(url);
  if (trust === null || trust.ca !== undefined || file === "") return url;
  const named = `${url}${url.includes("?") ? "&" : "?"}${CA_PARAMETER}=${encodeURIComponent(resolve(file))}`;
  serverTrust(named);
  return named;
}

function usesTls(protocol: string, sslmode: string | null): boolean {
  if (protocol === "rediss:" || protocol === "tls:") return true;
  if (!protocol.startsWith("postgres") || sslmode === null || sslmode === "disable") return false;
  if (sslmode === "verify-full") return true;
  throw new StartError(
    `DATABASE_URL has sslmode=${sslmode}, which would not make sure that the server is the right one: ` +
      "write sslmode=verify-full, or sslmode=disable for a connection without TLS.",
  );
}

/** Without the brackets of an IPv6 address in a URL. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

function readCertificates(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new StartError(
      `the CAs in ${file} cannot be read (${messageOf(error)}): correct CA_FILE, or ${CA_PARAMETER} in the URL.`,
    );
  }
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new StartError(
    `${file} has no certificate: CA_FILE, or ${CA_PARAMETER} in a URL, names a PEM file of the CAs to be trusted.`,
  );
}
