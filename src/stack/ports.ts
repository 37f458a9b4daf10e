import { createServer } from "node:net";
import { StartError } from "../errors.ts";

// Below the range from which Linux takes the near ends of outgoing connections: a server that is started again
// finds its port as it left it.
const FIRST_PORT = 20_000;
const PORT_COUNT = 12_000;

/** `count` different ports on 127.0.0.1 on which nothing listens, none of them the default of any of our servers. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORT_COUNT);
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}

/** Whether this process could listen on 127.0.0.1:`port`. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * The port on 127.0.0.1 that a person asked for, or a free one for 0.
 *
 * @throws StartError where it cannot be listened on
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
