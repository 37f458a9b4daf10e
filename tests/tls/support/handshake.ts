import { connect, type PeerCertificate, type SecureVersion, type TLSSocket } from "node:tls";

/** What a server on the port speaks to a client that speaks this version alone; null if it refuses. */
export async function protocolOf(port: number, version: SecureVersion): Promise<string | null> {
  const socket = await shakeHands(port, { minVersion: version, maxVersion: version });
  const protocol = socket?.getProtocol() ?? null;
  socket?.destroy();
  return protocol;
}

/** The one name of the certificate that a server on the port shows. */
export async function shownName(port: number): Promise<string | null> {
  const socket = await shakeHands(port, {});
  const certificate: PeerCertificate | undefined = socket?.getPeerCertificate();
  socket?.destroy();
  return /DNS:([^,]+)/.exec(certificate?.subjectaltname ?? "")?.[1] ?? null;
}

function shakeHands(
  port: number,
  options: { readonly minVersion?: SecureVersion; readonly maxVersion?: SecureVersion },
): Promise<TLSSocket | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...options });
    socket.once("secureConnect", () => resolve(socket));
    socket.once("error", () => resolve(null));
    socket.once("close", () => resolve(null));
  });
}
