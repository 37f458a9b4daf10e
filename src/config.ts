import { join, resolve } from "node:path";
import { z } from "zod";
import { bounds } from "./bounds.ts";
import type { HttpAddress, TcpAddress } from "./http/server.ts";
import {
  checkReplicas,
  minReplicasOf,
  type ReplicaConfig,
  replicas,
  replicasSetting,
  serverSettings,
  servers,
  serverUrls,
  type ServerUrls,
} from "./config/server-config.ts";
import type { RolePasswords } from "./keep/roles.ts";
import {
  type Environment,
  host,
  integer,
  optionalInteger,
  parse,
  type Setting,
  setting,
} from "./settings.ts";
import { type CertificateFiles, certificateFiles } from "./tls/certificate.ts";
import { withCa } from "./tls/server-trust.ts";

/**
 * The only file that reads the environment. A command-line flag overrides its environment variable, and the variable
 * overrides the default. An empty variable counts as one that is not set, as shells and compose files have it; an empty
 * flag is refused, since it is mostly another variable that somebody forgot to set (`--data "$FOLDER"`). Both are
 * checked alike, and an error names which of them it was.
 */

/** For the readers in src/config/, which are given it. */
export const ENVIRONMENT: Environment = process.env;

/** The flags as the command line gives them: text, or nothing. */
export interface ServeFlags extends TlsFlags {
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly data?: string | undefined;
  readonly open?: boolean | undefined;
  /** False: `--no-initial-accounts`. */
  readonly initialAccounts?: boolean | undefined;
}

/** What a ledger begins with, and how long it remembers clients' keys. */
export interface LedgerSettings {
  /** Whether it begins with the contest's accounts. One that has begun keeps what it has. */
  readonly initialAccounts: boolean;
  /** `null`: as it was set before, at first 24. So a start that does not name it cannot change it by mistake. */
  readonly keyHours: number | null;
}

/** Where requests need no access key as long as none was made, or `always`. */
export type OpenSetting = "loopback" | "anywhere" | "always";

const OPEN_SETTINGS = { "0": "loopback", "until-keys": "anywhere", "1": "always" } as const;
export const open = z
  .enum(["0", "until-keys", "1"], "must be 0, 1 or until-keys")
  .transform((text): OpenSetting => OPEN_SETTINGS[text]);

/** @param flag that of `--open` */
export function openSetting(environment: Environment, flag?: boolean): Setting {
  return setting(environment, "OPEN", "0", { name: "--open", text: flag === true ? "1" : undefined });
}

export interface ServeConfig extends LedgerSettings {
  readonly address: TcpAddress;
  /** `null`: without TLS. */
  readonly tls: CertificateFiles | null;
  /** The data file of the embedded ledger, as an absolute path. */
  readonly dataFile: string;
  readonly open: OpenSetting;
  /** On a stop: how long /readyz answers 503 before the server closes, so that a balancer can notice it. */
  readonly drainMilliseconds: number;
  /** Requests a second; see `Limits`. */
  readonly ratePerAddress: number | null;
}

export const SERVE_DEFAULTS = { HOST: "127.0.0.1", PORT: "9999", DATA_DIR: "data", DRAIN_MS: "500" } as const;

const ledgerSettings = {
  INITIAL_ACCOUNTS: z.enum(["contest", "none"], "must be contest or none"),
  IDEMPOTENCY_HOURS: optionalInteger(1, bounds.idempotency_hours_max),
};

export interface TlsFlags {
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
}

/** @throws StartError where one of the two is given without the other */
export function readTlsFiles(
  { tlsCert, tlsKey }: TlsFlags,
  environment: Environment = process.env,
): CertificateFiles | null {
  return certificateFiles(
    setting(environment, "TLS_CERT", "", { name: "--tls-cert", text: tlsCert }),
    setting(environment, "TLS_KEY", "", { name: "--tls-key", text: tlsKey }),
  );
}

const serveSettings = z.object({
  HOST: host(),
  PORT: integer(0, 65_535),
  DATA_DIR: z.string().regex(/\S/, "must be the path of a folder"),
  DRAIN_MS: integer(0, 60_000),
  OPEN: open,
  RATE_PER_ADDRESS: optionalInteger(0, 1_000_000),
  ...ledgerSettings,
});

/** @param flag that of `--no-initial-accounts`: false if it is given */
function givenLedgerSettings(
  environment: Environment,
  flag: boolean | undefined,
): Record<keyof typeof ledgerSettings, Setting> {
  return {
    INITIAL_ACCOUNTS: setting(environment, "INITIAL_ACCOUNTS", "contest", {
      name: "--no-initial-accounts",
      text: flag === false ? "none" : undefined,
    }),
    IDEMPOTENCY_HOURS: setting(environment, "IDEMPOTENCY_HOURS"),
  };
}

/** @throws StartError that names every wrong setting, not only the first */
export function readServeConfig(flags: ServeFlags, environment: Environment = process.env): ServeConfig {
  const given = {
    HOST: setting(environment, "HOST", SERVE_DEFAULTS.HOST, { name: "--host", text: flags.host }),
    PORT: setting(environment, "PORT", SERVE_DEFAULTS.PORT, { name: "--port", text: flags.port }),
    DATA_DIR: setting(environment, "DATA_DIR", SERVE_DEFAULTS.DATA_DIR, { name: "--data", text: flags.data }),
    DRAIN_MS: setting(environment, "DRAIN_MS", SERVE_DEFAULTS.DRAIN_MS),
    OPEN: openSetting(environment, flags.open),
    RATE_PER_ADDRESS: setting(environment, "RATE_PER_ADDRESS"),
    ...givenLedgerSettings(environment, flags.initialAccounts),
  };
  const settings = parse(serveSettings, given);
  const { HOST, PORT, DATA_DIR, DRAIN_MS } = settings;
  return {
    address: { host: HOST, hostFrom: given.HOST.from, port: PORT, portFrom: given.PORT.from },
    tls: readTlsFiles(flags, environment),
    dataFile: join(resolve(DATA_DIR), "razonete.db"),
    open: settings.OPEN,
    drainMilliseconds: DRAIN_MS,
    ratePerAddress: settings.RATE_PER_ADDRESS,
    initialAccounts: settings.INITIAL_ACCOUNTS === "contest",
    keyHours: settings.IDEMPOTENCY_HOURS,
  };
}

export interface InitConfig extends LedgerSettings, ReplicaConfig {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** `null`: not set. */
  readonly shards: number | null;
  /** Of the roles in PostgreSQL by which the others use the books. */
  readonly rolePasswords: RolePasswords;
}

const shards = optionalInteger(1, bounds.shards_max);

const initSettings = z
  .object({
    DATABASE_URL: servers.DATABASE_URL,
    REDIS_URL: servers.REDIS_URL,
    CA_FILE: servers.CA_FILE,
    ...replicas,
    SHARDS: shards,
    DATABASE_API_PASSWORD: z.string(),
    DATABASE_WRITER_PASSWORD: z.string(),
    DATABASE_DISPATCH_PASSWORD: z.string(),
    DATABASE_CONSOLE_PASSWORD: z.string(),
    DATABASE_OBSERVER_PASSWORD: z.string(),
    ...ledgerSettings,
  })
  .superRefine(checkReplicas);

/** @throws StartError that names every setting that is wrong */
export function readInitConfig(
  flags: Pick<ServeFlags, "initialAccounts"> = {},
  environment: Environment = process.env,
): InitConfig {
  const { DATABASE_URL, REDIS_URL, CA_FILE } = serverSettings(environment);
  const settings = parse(initSettings, {
    DATABASE_URL,
    REDIS_URL,
    CA_FILE,
    ...replicasSetting(environment),
    SHARDS: setting(environment, "SHARDS"),
    DATABASE_API_PASSWORD: setting(environment, "DATABASE_API_PASSWORD"),
    DATABASE_WRITER_PASSWORD: setting(environment, "DATABASE_WRITER_PASSWORD"),
    DATABASE_DISPATCH_PASSWORD: setting(environment, "DATABASE_DISPATCH_PASSWORD"),
    DATABASE_CONSOLE_PASSWORD: setting(environment, "DATABASE_CONSOLE_PASSWORD"),
    DATABASE_OBSERVER_PASSWORD: setting(environment, "DATABASE_OBSERVER_PASSWORD"),
    ...givenLedgerSettings(environment, flags.initialAccounts),
  });
  return {
    databaseUrl: withCa(settings.DATABASE_URL, settings.CA_FILE),
    redisUrl: withCa(settings.REDIS_URL, settings.CA_FILE),
    minReplicas: minReplicasOf(settings),
    shards: settings.SHARDS,
    rolePasswords: {
      api: settings.DATABASE_API_PASSWORD || null,
      writer: settings.DATABASE_WRITER_PASSWORD || null,
      dispatch: settings.DATABASE_DISPATCH_PASSWORD || null,
      console: settings.DATABASE_CONSOLE_PASSWORD || null,
      observer: settings.DATABASE_OBSERVER_PASSWORD || null,
    },
    initialAccounts: settings.INITIAL_ACCOUNTS === "contest",
    keyHours: settings.IDEMPOTENCY_HOURS,
  };
}

/** DURABILITY: whether servers that answer before it is on disk are refused. */
const durability = z.enum(["strict", "relaxed"], "must be strict or relaxed");

export interface WriterConfig extends ServerUrls, ReplicaConfig {
  /** False accepts a PostgreSQL that may lose committed rows when the machine loses its power. */
  readonly durable: boolean;
}

const writerSettings = z
  .object({ ...servers, ...replicas, DURABILITY: durability })
  .superRefine(checkReplicas);

/**
 * For the writer, and for the restore, which uses the same three servers.
 *
 * @throws StartError that names every wrong setting
 */
export function readWriterConfig(environment: Environment = process.env): WriterConfig {
  const settings = parse(writerSettings, {
    ...serverSettings(environment),
    ...replicasSetting(environment),
    DURABILITY: setting(environment, "DURABILITY", "strict"),
  });
  return {
    ...serverUrls(settings),
    minReplicas: minReplicasOf(settings),
    durable: settings.DURABILITY === "strict",
  };
}

/** Whether the environment names a database for the books, which means that there is a cluster. */
export function namesCluster(environment: Environment = process.env): boolean {
  return (environment["DATABASE_URL"] ?? "") !== "";
}

/** The folder of the data file that the environment names. */
export function namedDataFolder(environment: Environment = process.env): string | undefined {
  return environment["DATA_DIR"] || undefined;
}

export interface ApiConfig extends ServerUrls, ReplicaConfig {
  readonly address: HttpAddress;
  readonly open: OpenSetting;
  readonly drainMilliseconds: number;
  /** False accepts servers that answer before it is on disk, see docs/operations.md. */
  readonly durable: boolean;
  readonly outboxBatchesMax: number;
  /** The header with a trusted balancer's request id; `undefined` if there is no such balancer. */
  readonly requestIdHeader: string | undefined;
  /** The one with the client's address, where such a balancer sets it. */
  readonly clientAddressHeader: string | undefined;
}

export const headerName = z.string().regex(/^[A-Za-z0-9-]*$/, "must be the name of a header");

const outboxBatchesMax = integer(1, 100_000_000);

const apiSettings = z
  .object({
    ...servers,
    ...replicas,
    HOST: host(),
    PORT: integer(0, 65_535),
    SOCKET: z.string(),
    DRAIN_MS: integer(0, 60_000),
    OPEN: open,
    DURABILITY: durability,
    OUTBOX_BATCHES_MAX: outboxBatchesMax,
    REQUEST_ID_HEADER: headerName,
    CLIENT_ADDRESS_HEADER: headerName,
  })
  .superRefine(checkReplicas);

/** @throws StartError that names every setting that is wrong */
export function readApiConfig(
  flags: Pick<ServeFlags, "open"> = {},
  environment: Environment = process.env,
): ApiConfig {
  const given = {
    ...serverSettings(environment),
    ...replicasSetting(environment),
    HOST: setting(environment, "HOST", SERVE_DEFAULTS.HOST),
    PORT: setting(environment, "PORT", SERVE_DEFAULTS.PORT),
    SOCKET: setting(environment, "SOCKET"),
    // Long enough for a balancer that checks /readyz every 200 ms to see it fail twice.
    DRAIN_MS: setting(environment, "DRAIN_MS", "1000"),
    OPEN: openSetting(environment, flags.open),
    DURABILITY: setting(environment, "DURABILITY", "strict"),
    OUTBOX_BATCHES_MAX: setting(environment, "OUTBOX_BATCHES_MAX", "100000"),
    REQUEST_ID_HEADER: setting(environment, "REQUEST_ID_HEADER"),
    CLIENT_ADDRESS_HEADER: setting(environment, "CLIENT_ADDRESS_HEADER"),
  };
  const settings = parse(apiSettings, given);
  const { HOST, PORT, SOCKET: socket } = settings;
  const tcp = { host: HOST, hostFrom: given.HOST.from, port: PORT, portFrom: given.PORT.from };
  return {
    address: socket === "" ? tcp : { socket },
    open: settings.OPEN,
    ...serverUrls(settings),
    minReplicas: minReplicasOf(settings),
    drainMilliseconds: settings.DRAIN_MS,
    durable: settings.DURABILITY === "strict",
    outboxBatchesMax: settings.OUTBOX_BATCHES_MAX,
    requestIdHeader: settings.REQUEST_ID_HEADER || undefined,
    clientAddressHeader: settings.CLIENT_ADDRESS_HEADER || undefined,
  };
}

/** Variables that every process of a stack inherits from the process that starts the stack. */
const STACK_VARIABLES = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"];
/** Variables that only the ledger's own processes inherit. The stack itself sets the addresses they use. */
const STACK_OWN_VARIABLES = [
  "SHARDS",
  "DURABILITY",
  "OUTBOX_BATCHES_MAX",
  "INITIAL_ACCOUNTS",
  "IDEMPOTENCY_HOURS",
  "LOG_FORMAT",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_HEADERS",
  "OTEL_TRACES_SAMPLER",
  "OTEL_TRACES_SAMPLER_ARG",
  "WEBHOOK_INNER",
  "WEBHOOK_CA_FILE",
];

const stackSettings = z.object({
  SHARDS: shards,
  DURABILITY: durability,
  OUTBOX_BATCHES_MAX: outboxBatchesMax,
  ...ledgerSettings,
});

/**
 * The processes of a stack see nothing else of the current environment, so that no stray variable affects them.
 *
 * @throws StartError that names every variable that they would refuse
 */
export function environmentOfStack(
  flags: Pick<ServeFlags, "initialAccounts"> & { readonly logFormat?: string | undefined } = {},
  environment: Environment = process.env,
): {
  readonly all: Readonly<Record<string, string>>;
  readonly own: Readonly<Record<string, string>>;
} {
  const given = {
    SHARDS: setting(environment, "SHARDS"),
    DURABILITY: setting(environment, "DURABILITY", "strict"),
    OUTBOX_BATCHES_MAX: setting(environment, "OUTBOX_BATCHES_MAX", "100000"),
    ...givenLedgerSettings(environment, flags.initialAccounts),
  };
  parse(stackSettings, given);
  const pick = (names: readonly string[]): Record<string, string> =>
    Object.fromEntries(names.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])));
  const own = pick(STACK_OWN_VARIABLES);
  if (flags.initialAccounts === false) own["INITIAL_ACCOUNTS"] = given.INITIAL_ACCOUNTS.text;
  if (flags.logFormat !== undefined) own["LOG_FORMAT"] = flags.logFormat;
  return { all: pick(STACK_VARIABLES), own };
}
