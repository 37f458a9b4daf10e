import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DataFolder } from "./data-folder.ts";
import type { PostgresUser } from "./postgres.ts";
import type { NodePorts } from "./ports.ts";
import type { Probe } from "./probes.ts";
import type { ProcessKind } from "./process-kinds.ts";
import type { ProgramPaths } from "./server-programs.ts";

/** The folder of the servers' configuration files, which docker-compose.yml uses, too. */
export const DEPLOY = fileURLToPath(new URL("../../deploy", import.meta.url));

export interface Serves {
  readonly role: "primary" | "replica";
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
  /** What it is at first in a ledger whose number of shards its user names; stack.json says what it is now. */
  readonly serves?: Serves;
  /**
   * Asked before each start, and waited for; `log`: its log, open.
   *
   * @throws StartError if it must not start now, and a person has to do something: a sentence that says what
   */
  readonly mayStart?: (log: number, stop: AbortSignal) => Promise<void>;
  /** Called right before each start. */
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
  /** Copies of each shard beside its primary. With one or more, NATS and PostgreSQL are several servers, too. Default: 0. */
  readonly replicas?: number | undefined;
  /** Redis servers that decide, each with its part of the shards. Default: 1, and with replicas as many as can vote. */
  readonly redisNodes?: number | undefined;
  /** Where the servers of a kind listen that has several; null, and by default: there is one of each. */
  readonly nodePorts?: NodePorts | null;
  /** The address of each Redis server where there are several, by its place; default: loopback. */
  readonly redisHost?: (place: number) => string;
  /** Of memory that Redis may use, in MB; null: as its configuration file says. */
  readonly redisMegabytes: number | null;
  /** The environment of every process. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The servers of one kind: one, named after it, or several beside each other: redis-1, redis-2, ... */
export interface PlannedServers {
  readonly processes: readonly ProcessPlan[];
  /** Where a user of them finds them; with several hosts in one URL, where there are several. */
  readonly urlOf: (user: string, password: string) => string;
}

/** Where one of several servers of a kind has its data, by its name. */
export function folderOf(server: string, { path }: Pick<DataFolder, "path">): string {
  return join(path, server);
}
