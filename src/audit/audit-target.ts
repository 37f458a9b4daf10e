import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { namesCluster, readWriterConfig, type ServerUrls } from "../config.ts";
import { messageOf, StartError } from "../errors.ts";
import { readStackFile } from "../stack/stack-file.ts";
import { CANNOT_AUDIT } from "./unreachable-server.ts";

/** The flags as the command line gives them. */
export interface AuditTargetFlags {
  /** `true`: the stack's default folder. */
  readonly stack?: string | true | undefined;
  readonly data?: string | undefined;
}

/** What is audited; `where` describes it for a person. */
export type AuditTarget =
  | { readonly type: "cluster"; readonly servers: ServerUrls; readonly where: string }
  | { readonly type: "file"; readonly path: string; readonly where: string };

export const STACK_FOLDER = "data/stack";
export const DATA_FOLDER = "data";

/**
 * The target that the flags name. Without flags, the first that exists of: the cluster in the environment, the stack,
 * the data file.
 *
 * @throws StartError with exit code 2 if there is nothing to audit
 */
export function chooseAuditTarget({ stack, data }: AuditTargetFlags): AuditTarget {
  if (stack !== undefined && data !== undefined) {
    throw new StartError("--stack and --data name two ledgers: give one of them.", CANNOT_AUDIT);
  }
  if (stack !== undefined) return ofStack(stack === true ? STACK_FOLDER : stack);
  if (data !== undefined) return ofFile(data);
  if (namesCluster()) return ofEnvironment();
  if (existsSync(stackFile(STACK_FOLDER))) return ofStack(STACK_FOLDER);
  if (existsSync(dataFile(DATA_FOLDER))) return ofFile(DATA_FOLDER);
  throw new StartError(
    "there is nothing to audit here: set DATABASE_URL (REDIS_URL, NATS_URL) for a cluster, or give --stack <folder> " +
      "for a running stack, or --data <folder> for a data file.",
    CANNOT_AUDIT,
  );
}

function ofEnvironment(): AuditTarget {
  try {
    const servers = readWriterConfig();
    return { type: "cluster", servers, where: `the cluster at ${new URL(servers.databaseUrl).host}` };
  } catch (error) {
    throw new StartError(messageOf(error), CANNOT_AUDIT);
  }
}

function ofStack(folder: string): AuditTarget {
  const file = stackFile(folder);
  try {
    return { type: "cluster", servers: readStackFile(file), where: `the stack in ${resolve(folder)}` };
  } catch (error) {
    const reason = existsSync(file)
      ? messageOf(error)
      : "it has no stack.json, which is there while a stack runs";
    throw new StartError(`the stack in ${resolve(folder)} cannot be audited: ${reason}.`, CANNOT_AUDIT);
  }
}

function ofFile(folder: string): AuditTarget {
  const path = dataFile(folder);
  return { type: "file", path, where: path };
}

function stackFile(folder: string): string {
  return join(resolve(folder), "stack.json");
}

function dataFile(folder: string): string {
  return join(resolve(folder), "razonete.db");
}
