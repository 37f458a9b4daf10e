import { rmSync } from "node:fs";
import { join } from "node:path";
import type { CertificateFiles } from "./certificates.ts";
import { pathOf } from "./binaries.ts";
import { exchange, ServerProcess } from "./server-process.ts";
import { temporaryFolder } from "../temporary-folder.ts";

export interface NatsServer {
  readonly url: string;
  readonly process: ServerProcess;
  /** Removes what JetStream has on disk; for a server that is not running. */
  forget(): void;
}

/** A NATS with JetStream. @param tls it asks every client for TLS */
export async function startNats(tls?: CertificateFiles): Promise<NatsServer> {
  const program = pathOf("nats");
  const folder = temporaryFolder("nats").path;
  const store = join(folder, "jetstream");
  const secure = tls === undefined ? [] : ["--tls", "--tlscert", tls.cert, "--tlskey", tls.key];
  const server = await ServerProcess.start({
    name: "nats-server",
    folder,
    command: (port) => [program, "-a", "127.0.0.1", "-p", String(port), "-js", "-sd", store, ...secure],
    isReady: async (port) => (await exchange(port, "")).startsWith("INFO"),
    stopSignal: "SIGTERM",
    orphanSignal: "KILL",
  });
  return {
    url: `nats://127.0.0.1:${server.port}`,
    process: server,
    forget: () => rmSync(store, { recursive: true, force: true }),
  };
}
