import { join } from "node:path";
import type { Credentials } from "../credentials.ts";
import { BOOKS } from "../postgres.ts";
import { natsProbe } from "../probes.ts";
import { DEPLOY, type PlannedServers, type ServerOptions } from "../process-plan.ts";

/** @param at where it listens, and tells of itself */
export function planNats(
  { folder, programs, environment }: ServerOptions,
  credentials: Credentials,
  at: { readonly port: number; readonly monitor: string | null },
): PlannedServers {
  const urlOf = (user: string, password: string): string => `nats://${user}:${password}@127.0.0.1:${at.port}`;
  const nats = {
    name: "nats",
    kind: "nats" as const,
    command: [programs.nats, "-c", join(DEPLOY, "nats.conf")],
    environment: {
      ...environment,
      NATS_HOST: "127.0.0.1",
      NATS_PORT: String(at.port),
      // In quotes: the parser of the file would take a value that begins with a digit for a number.
      NATS_USER: JSON.stringify(BOOKS),
      NATS_PASSWORD: JSON.stringify(credentials.operator),
      NATS_ADMIN_PASSWORD: JSON.stringify(credentials.admin),
      NATS_API_PASSWORD: JSON.stringify(credentials.api),
      NATS_WRITER_PASSWORD: JSON.stringify(credentials.writer),
      NATS_MONITOR: at.monitor === null ? "0" : JSON.stringify(at.monitor),
      NATS_STORE_DIR: JSON.stringify(folder.nats),
    },
    probe: natsProbe(urlOf(BOOKS, credentials.operator)),
  };
  return { processes: [nats], urlOf };
}
