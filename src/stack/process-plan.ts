import { fileURLToPath } from "node:url";
import type { DataFolder } from "./data-folder.ts";
import type { PostgresUser } from "./postgres.ts";
import type { Probe } from "./probes.ts";
import type { ProcessKind } from "./process-kinds.ts";
import type { ProgramPaths } from "./server-programs.ts";

/** The folder of the servers' configuration files, which docker-compose.yml uses, too. */
export const DEPLOY = fileURLToPath(new URL("../../deploy", import.meta.url));

export interface Serves {
  readonly role: "primary";
  readonly shards: readonly number[];
}

export interface ProcessPlan {
  readonly name: string;
  readonly kind: ProcessKind;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Written to its standard input: settings with secrets, which a command line would show to every user. */
  readonly input?: string;
  /** A folder that it gets as its open file 3; see postgres.ts. */
  readonly handedOver?: string;
  /** The socket that it listens on. A killed process leaves this file, and the next one could not listen on it. */
  readonly socket?: string;
  /** What it is in a ledger whose number of shards its user names; stack.json says it. */
  readonly serves?: Serves;
  /** Called before each start. `log`: its log, open. */
  readonly beforeStart?: (log: number) => void;
  readonly probe: Probe;
}

/** What the plan of a server needs to know. */
export interface ServerOptions {
  readonly folder: DataFolder;
  readonly programs: ProgramPaths;
  readonly postgresUser: PostgresUser;
  /** As its user names it; default: what the books say. */
  readonly shards?: number | undefined;
  /** Of memory that Redis may use, in MB; null: as its configuration file says. */
  readonly redisMegabytes: number | null;
  /** The environment of every process. */
  readonly environment: Readonly<Record<string, string>>;
}
