import { connect, createServer, type NetConnectOpts } from "node:net";

/**
 * Hands connections on: `forward.ts <from> <to>`, each host:port, or the path of a socket. A socket is the same in every
 * network namespace, so it is a way into one, and out of it.
 */
const [from = "", to = ""] = process.argv.slice(2);
// PostgreSQL comes as another user.
process.umask(0);

function placeOf(text: string): NetConnectOpts {
  if (text.startsWith("/")) return { path: text };
  const [host = "", port = ""] = text.split(":");
  return { host, port: Number(port) };
}

createServer((client) => {
  const server = connect(placeOf(to));
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    one.pipe(other);
    one.on("error", () => other.destroy());
    one.on("close", () => other.destroy());
  }
}).listen(placeOf(from));
