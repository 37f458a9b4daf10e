import type { Socket } from "node:net";

/** What a server says first. @returns null if it closed the connection instead */
export async function firstBytes(socket: Socket): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const onData = (bytes: Buffer): void => resolve(bytes.toString("latin1"));
  socket.once("data", onData);
  socket.once("close", () => resolve(null));
  const bytes = await promise;
  socket.off("data", onData);
  return bytes;
}

/** Asks PostgreSQL, with the protocol's SSLRequest, whether it speaks TLS. @returns null if there was no answer */
export async function askPostgres(socket: Socket): Promise<boolean | null> {
  socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
  const answer = await firstBytes(socket);
  return answer === null ? null : answer.startsWith("S");
}
