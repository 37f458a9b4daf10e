import { z } from "zod";
import { headerName, open, openSetting, type OpenSetting, type ServeFlags } from "../config.ts";
import type { Target } from "../console/probe-part.ts";
import type { TcpAddress } from "../http/server.ts";
import { booksUrl, type Environment, host, integer, parse, setting } from "../settings.ts";
import { withCa } from "../tls/server-trust.ts";

export interface ConsoleConfig {
  readonly databaseUrl: string;
  readonly address: TcpAddress;
  readonly open: OpenSetting;
  readonly drainMilliseconds: number;
  /** The parts that it asks how they are. */
  readonly targets: readonly Target[];
  /** See ApiConfig. */
  readonly clientAddressHeader: string | undefined;
}

/** Of how to ask a part: see docs/console.md. */
const PROTOCOLS: readonly string[] = ["http:", "https:", "unix:", "redis:", "nats:", "postgres:"];
/** What the console tells of them it knows itself. */
const OWN_NAMES: readonly string[] = ["console", "postgres"];
const TARGETS_RULE =
  "must be parts as name=address, with commas between them, such as api-1=http://127.0.0.1:9101/metrics,redis=redis://127.0.0.1:6379";

const targets = z.string().transform((text, context): readonly Target[] => {
  const parts = text === "" ? [] : text.split(",").map(parseTarget);
  const known = parts.filter((part) => part !== null);
  const names = new Set(known.map(({ name }) => name));
  if (known.length === parts.length && names.size === known.length) return known;
  context.addIssue(TARGETS_RULE);
  return z.NEVER;
});

function parseTarget(text: string): Target | null {
  const [, name = "", address = ""] = /^\s*([a-z0-9][a-z0-9-]{0,31})=(\S+)\s*$/.exec(text) ?? [];
  if (!URL.canParse(address) || OWN_NAMES.includes(name)) return null;
  const target = { name, url: new URL(address) };
  return PROTOCOLS.includes(target.url.protocol) ? target : null;
}

const consoleSettings = z.object({
  DATABASE_URL: booksUrl(),
  CA_FILE: z.string(),
  HOST: host(),
  PORT: integer(0, 65_535),
  OPEN: open,
  DRAIN_MS: integer(0, 60_000),
  METRICS_TARGETS: targets,
  CLIENT_ADDRESS_HEADER: headerName,
});

/** @throws StartError that names every wrong setting */
export function readConsoleConfig(
  environment: Environment,
  flags: Pick<ServeFlags, "open"> = {},
): ConsoleConfig {
  const given = {
    DATABASE_URL: setting(environment, "DATABASE_URL"),
    CA_FILE: setting(environment, "CA_FILE"),
    HOST: setting(environment, "HOST", "127.0.0.1"),
    PORT: setting(environment, "PORT", "9998"),
    OPEN: openSetting(environment, flags.open),
    DRAIN_MS: setting(environment, "DRAIN_MS", "0"),
    METRICS_TARGETS: setting(environment, "METRICS_TARGETS"),
    CLIENT_ADDRESS_HEADER: setting(environment, "CLIENT_ADDRESS_HEADER"),
  };
  const settings = parse(consoleSettings, given);
  return {
    databaseUrl: withCa(settings.DATABASE_URL, settings.CA_FILE),
    address: {
      host: settings.HOST,
      hostFrom: given.HOST.from,
      port: settings.PORT,
      portFrom: given.PORT.from,
    },
    open: settings.OPEN,
    drainMilliseconds: settings.DRAIN_MS,
    targets: settings.METRICS_TARGETS,
    clientAddressHeader: settings.CLIENT_ADDRESS_HEADER || undefined,
  };
}
