import { createServer } from "node:net";
import { StartError } from "../errors.ts";

// Below the range from which Linux takes the local ports of outgoing connections, so that no connection takes a server's
// port while the server restarts.
const FIRST_PORT = 20_000;
const PORT_COUNT = 12_000;

/** `count` different free ports on 127.0.0.1; none of them is a default port of our servers. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORT_COUNT);
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}

/** Whether this process can listen on 127.0.0.1:`port`. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * The wanted port on 127.0.0.1, or a free one for 0.
 *
 * @throws StartError if it is in use or not allowed
 */
export async function choosePort(wanted: number): Promise<number> {
  if (wanted === 0) {
    const [port = 0] = await freePorts(1);
    return port;
  }
  if (await isFree(wanted)) return wanted;
  throw new StartError(
    `port ${wanted} is in use or not allowed: stop what listens there, or choose another with --port.`,
  );
}
