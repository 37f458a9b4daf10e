import { dataArgument } from "../postgres.ts";
import { postgresProbe } from "../probes.ts";
import type { ServerOptions, ProcessPlan } from "../process-plan.ts";

/** @param at where it listens; the URL is the operator's */
export function planPostgres(
  { folder, programs, postgresUser, environment }: ServerOptions,
  at: { readonly port: number; readonly url: string },
): ProcessPlan {
  const { path, handOver } = dataArgument(postgresUser, folder.postgres);
  const settings = [`port=${at.port}`, "listen_addresses=127.0.0.1", "unix_socket_directories="];
  return {
    name: "postgres",
    kind: "postgres",
    command: [
      ...postgresUser.prefix,
      programs.postgres,
      "-D",
      path,
      ...settings.flatMap((setting) => ["-c", setting]),
    ],
    environment,
    ...(handOver ? { handedOver: folder.postgres } : {}),
    probe: postgresProbe(at.url),
  };
}
