import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { namedDataFolder, namesCluster, readWriterConfig } from "../config.ts";
import type { ServerUrls } from "../config/server-config.ts";
import { messageOf, StartError } from "../errors.ts";
import { eachHost } from "../tls/server-trust.ts";
import { isStackFolder } from "./data-folder.ts";
import { readStackFile } from "./stack-file.ts";

/** The flags as the command line gives them. */
export interface LedgerTargetFlags {
  /** `true`: the stack's default folder. */
  readonly stack?: string | true | undefined;
  readonly data?: string | undefined;
}

/** The ledger that a command is for; `where` describes it for a person. */
export type LedgerTarget =
  | { readonly type: "cluster"; readonly servers: ServerUrls; readonly where: string }
  | { readonly type: "file"; readonly path: string; readonly where: string };

const STACK_FOLDER = "data/stack";
const DATA_FOLDER = "data";

/**
 * The ledger that the flags name. Without flags, the first that there is of: the cluster in the environment, the data file
 * of DATA_DIR, the stack, the data file.
 *
 * @returns null if there is none
 * @throws StartError if the flags contradict each other, or name a stack that does not run
 */
export function chooseLedgerTarget({ stack, data }: LedgerTargetFlags): LedgerTarget | null {
  if (stack !== undefined && data !== undefined)
    throw new StartError("--stack and --data name two ledgers: give one of them.");
  if (stack !== undefined) return ofStack(stack === true ? STACK_FOLDER : stack);
  if (data !== undefined && isStackFolder(data))
    throw new StartError(
      `${data} is the data folder of a stack: give it with --stack in place of --data, while the stack runs.`,
    );
  if (data !== undefined) return fileTarget(data);
  if (namesCluster()) return ofEnvironment();
  const named = namedDataFolder();
  if (named !== undefined) return fileTarget(named);
  if (existsSync(stackFile(STACK_FOLDER))) return ofStack(STACK_FOLDER);
  const file = fileTarget();
  return existsSync(file.path) ? file : null;
}

/** The data file of a folder, by default of the default one, whether it exists or not. */
export function fileTarget(folder: string = DATA_FOLDER): LedgerTarget & { readonly type: "file" } {
  const path = join(resolve(folder), "razonete.db");
  return { type: "file", path, where: path };
}

function ofEnvironment(): LedgerTarget {
  const servers = readWriterConfig();
  const hosts = eachHost(servers.databaseUrl).map(({ host }) => host);
  return { type: "cluster", servers, where: `the cluster at ${hosts.join(",")}` };
}

function ofStack(folder: string): LedgerTarget {
  const file = stackFile(folder);
  try {
    return { type: "cluster", servers: readStackFile(file), where: `the stack in ${resolve(folder)}` };
  } catch (error) {
    const reason = existsSync(file)
      ? messageOf(error)
      : "it has no stack.json, which is there while a stack runs";
    throw new StartError(`the stack in ${resolve(folder)} cannot be found: ${reason}.`);
  }
}

function stackFile(folder: string): string {
  return join(resolve(folder), "stack.json");
}
