import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { messageOf, StartError } from "../errors.ts";
import { booksUrl, type Environment, parse, setting } from "../settings.ts";
import { withCa } from "../tls/server-trust.ts";

/** Where webhooks may go, for those who make and who send them. */
export interface WebhookSettings {
  /** Whether webhooks may go to addresses inside the network, and without TLS. */
  readonly innerAllowed: boolean;
  /** Certificate authorities of targets in PEM, beside those that Bun trusts; null: none. */
  readonly authorities: string | null;
}

export interface DispatchConfig extends WebhookSettings {
  /** What is dispatched: the books of a cluster, or a data file. */
  readonly ledger:
    | { readonly type: "books"; readonly databaseUrl: string }
    | { readonly type: "file"; readonly dataFile: string };
}

const webhookSettings = {
  WEBHOOK_INNER: z.enum(["refuse", "allow"], "must be refuse or allow"),
  WEBHOOK_CA_FILE: z.string(),
};

const dispatchSettings = z.object({
  DATABASE_URL: booksUrl(),
  CA_FILE: z.string(),
});

/** @throws StartError that names every wrong setting */
export function readWebhookSettings(environment: Environment): WebhookSettings {
  const { WEBHOOK_INNER, WEBHOOK_CA_FILE } = parse(z.object(webhookSettings), {
    WEBHOOK_INNER: setting(environment, "WEBHOOK_INNER", "refuse"),
    WEBHOOK_CA_FILE: setting(environment, "WEBHOOK_CA_FILE"),
  });
  return {
    innerAllowed: WEBHOOK_INNER === "allow",
    authorities: WEBHOOK_CA_FILE === "" ? null : readAuthorities(WEBHOOK_CA_FILE),
  };
}

/**
 * @param data the folder of a data file; without it the books of the environment's cluster
 * @throws StartError that names every wrong setting
 */
export function readDispatchConfig(environment: Environment, data: string | undefined): DispatchConfig {
  const settings = readWebhookSettings(environment);
  if (data !== undefined) {
    return { ...settings, ledger: { type: "file", dataFile: join(resolve(data), "razonete.db") } };
  }
  const { DATABASE_URL, CA_FILE } = parse(dispatchSettings, {
    DATABASE_URL: setting(environment, "DATABASE_URL"),
    CA_FILE: setting(environment, "CA_FILE"),
  });
  return { ...settings, ledger: { type: "books", databaseUrl: withCa(DATABASE_URL, CA_FILE) } };
}

function readAuthorities(file: string): string {
  try {
    const text = readFileSync(file, "utf8");
    if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  } catch (error) {
    throw new StartError(`the CAs in ${file} cannot be read (${messageOf(error)}): correct WEBHOOK_CA_FILE.`);
  }
  throw new StartError(`${file} has no certificate: WEBHOOK_CA_FILE names a PEM file of CAs.`);
}
