import { z } from "zod";
import type { TcpAddress } from "../http/server.ts";
import { type Environment, host, integer, parse, setting, url } from "../settings.ts";
import { withCa } from "../tls/server-trust.ts";

export interface ConsoleConfig {
  readonly databaseUrl: string;
  readonly address: TcpAddress;
}

const consoleSettings = z.object({
  DATABASE_URL: url("postgres", "postgresql"),
  CA_FILE: z.string(),
  HOST: host(),
  PORT: integer(0, 65_535),
});

/** @throws StartError that names every wrong setting */
export function readConsoleConfig(environment: Environment): ConsoleConfig {
  const given = {
    DATABASE_URL: setting(environment, "DATABASE_URL"),
    CA_FILE: setting(environment, "CA_FILE"),
    HOST: setting(environment, "HOST", "127.0.0.1"),
    PORT: setting(environment, "PORT", "9998"),
  };
  const { DATABASE_URL, CA_FILE, HOST, PORT } = parse(consoleSettings, given);
  return {
    databaseUrl: withCa(DATABASE_URL, CA_FILE),
    address: { host: HOST, hostFrom: given.HOST.from, port: PORT, portFrom: given.PORT.from },
  };
}
