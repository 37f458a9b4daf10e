import { z } from "zod";
import { type Environment, parse, setting, url } from "../settings.ts";
import { withCa } from "../tls/server-trust.ts";

export interface DispatchConfig {
  readonly databaseUrl: string;
  /** Whether webhooks may go to addresses inside the network, and without TLS. */
  readonly innerAllowed: boolean;
}

const dispatchSettings = z.object({
  DATABASE_URL: url("postgres", "postgresql"),
  CA_FILE: z.string(),
  WEBHOOK_INNER: z.enum(["refuse", "allow"], "must be refuse or allow"),
});

/** @throws StartError that names every wrong setting */
export function readDispatchConfig(environment: Environment): DispatchConfig {
  const { DATABASE_URL, CA_FILE, WEBHOOK_INNER } = parse(dispatchSettings, {
    DATABASE_URL: setting(environment, "DATABASE_URL"),
    CA_FILE: setting(environment, "CA_FILE"),
    WEBHOOK_INNER: setting(environment, "WEBHOOK_INNER", "refuse"),
  });
  return { databaseUrl: withCa(DATABASE_URL, CA_FILE), innerAllowed: WEBHOOK_INNER === "allow" };
}
