import type { Credentials } from "../credentials.ts";
import { BOOKS, dataArgument } from "../postgres.ts";
import { postgresProbe } from "../probes.ts";
import type { PlannedServers, ServerOptions } from "../process-plan.ts";

/** @param port where it listens. Its URLs are of the books. */
export function planPostgres(
  { folder, programs, postgresUser, environment }: ServerOptions,
  credentials: Pick<Credentials, "operator">,
  port: number,
): PlannedServers {
  const urlOf = (role: string, password: string): string =>
    `postgres://${role}:${password}@127.0.0.1:${port}/${BOOKS}`;
  const { path, handOver } = dataArgument(postgresUser, folder.postgres);
  const settings = [`port=${port}`, "listen_addresses=127.0.0.1", "unix_socket_directories="];
  const postgres = {
    name: "postgres",
    kind: "postgres" as const,
    command: [
      ...postgresUser.prefix,
      programs.postgres,
      "-D",
      path,
      ...settings.flatMap((setting) => ["-c", setting]),
    ],
    environment,
    ...(handOver ? { handedOver: folder.postgres } : {}),
    probe: postgresProbe(urlOf(BOOKS, credentials.operator)),
  };
  return { processes: [postgres], urlOf };
}
