import { join, resolve } from "node:path";
import { z } from "zod";
import { StartError } from "./start-error.ts";

/** The only reader of the environment. A flag of the command line counts over its variable, that over the default. */

export type Environment = Readonly<Record<string, string | undefined>>;

/** As the command line has them: text, or nothing. */
export interface ServeFlags {
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly data?: string | undefined;
}

export interface ServeConfig {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The data file of the embedded ledger, as an absolute path. */
  readonly dataFile: string;
  /** How long /readyz says 503 before a stop takes no more connections: time for a balancer to see it. */
  readonly drainMilliseconds: number;
}

export const SERVE_DEFAULTS = { HOST: "127.0.0.1", PORT: "9999", DATA_DIR: "data", DRAIN_MS: "500" } as const;

const serveSettings = z.object({
  HOST: z.string(),
  PORT: integer(0, 65_535),
  DATA_DIR: z.string(),
  DRAIN_MS: integer(0, 60_000),
});

/** @throws StartError that names every setting that is wrong, not only the first */
export function readServeConfig(flags: ServeFlags, environment: Environment = process.env): ServeConfig {
  const { HOST, PORT, DATA_DIR, DRAIN_MS } = parse(serveSettings, {
    HOST: flags.host ?? (environment["HOST"] || SERVE_DEFAULTS.HOST),
    PORT: flags.port ?? (environment["PORT"] || SERVE_DEFAULTS.PORT),
    DATA_DIR: flags.data ?? (environment["DATA_DIR"] || SERVE_DEFAULTS.DATA_DIR),
    DRAIN_MS: environment["DRAIN_MS"] || SERVE_DEFAULTS.DRAIN_MS,
  });
  return {
    host: HOST,
    port: PORT,
    dataFile: join(resolve(DATA_DIR), "razonete.db"),
    drainMilliseconds: DRAIN_MS,
  };
}

/** What every process of a stack takes over from the environment of the one that starts it. */
const STACK_VARIABLES = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"];
/** What the ledger's own processes take over besides; their addresses they get from the stack. */
const STACK_OWN_VARIABLES = ["SHARDS", "DURABILITY", "OUTBOX_BATCHES_MAX"];

/** A stack's processes see nothing else of the present environment, so that no stray variable changes one of them. */
export function environmentOfStack(environment: Environment = process.env): {
  readonly all: Readonly<Record<string, string>>;
  readonly own: Readonly<Record<string, string>>;
} {
  const pick = (names: readonly string[]): Record<string, string> =>
    Object.fromEntries(names.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])));
  return { all: pick(STACK_VARIABLES), own: pick(STACK_OWN_VARIABLES) };
}

function integer(min: number, max: number) {
  const message = `must be an integer from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
}

function parse<Settings>(schema: z.ZodType<Settings>, values: Readonly<Record<string, string>>): Settings {
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  const errors = result.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    return `${name} ${issue.message}, not "${values[name]}"`;
  });
  throw new StartError(`${errors.join("; ")} (a flag such as --port sets the same as its variable).`);
}
