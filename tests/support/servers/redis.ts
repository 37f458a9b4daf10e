import { rmSync } from "node:fs";
import { join } from "node:path";
import { pathOf } from "./binaries.ts";
import { exchange, ServerProcess, temporaryFolder } from "./server-process.ts";

export interface RedisServer {
  readonly url: string;
  readonly process: ServerProcess;
  /** Removes what it has on disk; for a server that is not running. */
  forget(): void;
}

/** A Redis as the ledger wants it: on disk before it answers. */
export async function startRedis(): Promise<RedisServer> {
  const program = pathOf("redis");
  const folder = temporaryFolder("redis");
  const settings = { bind: "127.0.0.1", dir: folder, appendonly: "yes", appendfsync: "always", save: "" };
  const server = await ServerProcess.start({
    name: "redis-server",
    folder,
    command: (port) => [program, ...Object.entries({ ...settings, port }).flatMap(option)],
    isReady: async (port) => (await exchange(port, "PING\r\n")).startsWith("+PONG"),
    stopSignal: "SIGTERM",
    orphanSignal: "KILL",
  });
  return {
    url: `redis://127.0.0.1:${server.port}`,
    process: server,
    forget: () => rmSync(join(folder, "appendonlydir"), { recursive: true, force: true }),
  };
}

function option([name, value]: [string, string | number]): string[] {
  return [`--${name}`, String(value)];
}
