import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { StartError } from "../../errors.ts";
import { forgetProcess, recordProcess } from "../orphaned-processes.ts";
import {
  BOOKS,
  changeOwner,
  dataArgument,
  prepareBooks,
  processesIn,
  removeStaleLockFile,
  runTool,
  writeSettings,
} from "../postgres.ts";
import type { PairPlan, PairTools, PostgresNode } from "./pair-plan.ts";
import { readPrimary, writePrimary } from "./primary-file.ts";

/** The folders of the two PostgreSQL: made, copied, wound back. Neither of them runs in a folder that is worked on. */

/**
 * Prepares both for the start. At the first one the primary's is made; the standby's is a copy of it, made when it runs.
 *
 * @returns which one is the primary
 * @throws StartError if there is no folder that has all of the books
 */
export async function preparePair({ nodes, tools }: PairPlan): Promise<PostgresNode> {
  const [first, second] = nodes;
  const noted = readPrimary(tools.path) === second.name ? second : first;
  const other = noted === first ? second : first;
  // Somebody has removed it. The other one has all that was confirmed: an empty one must not take its place.
  const primary = !existsSync(noted.folder) && existsSync(other.folder) ? other : noted;
  if (existsSync(primary.folder) && isUnfinished(primary)) {
    throw new StartError(
      `${noted.folder} is missing, and ${primary.folder} was just being made anew from it: put one of them back ` +
        "from a backup, or begin another ledger with --data or --fresh.",
    );
  }
  await prepareBooks({ ...tools, folder: primary.folder, moreSettings: primary.settings });
  const standby = primary === first ? second : first;
  if (existsSync(standby.folder)) {
    await removeStaleLockFile(standby.folder);
    writeSettings({ ...tools, folder: standby.folder, moreSettings: standby.settings });
  }
  if (readPrimary(tools.path) !== primary.name) writePrimary(tools.path, primary);
  return primary;
}

/** Whether its folder is that of a standby. If not, it was the primary, or is not there: it is not to be started. */
export function isStandby(node: PostgresNode): boolean {
  return existsSync(signalFile(node.folder)) && !isUnfinished(node);
}

/** Whether its folder is whole, and was the primary's. */
export function mayBeWoundBack(node: PostgresNode): boolean {
  return existsSync(node.folder) && !isUnfinished(node);
}

/** Ends what is left of it, also what is frozen: its sessions outlive it for a moment. */
export async function endAll({ folder }: PostgresNode): Promise<void> {
  for (;;) {
    const left = processesIn(folder);
    if (left.length === 0) return;
    for (const pid of left) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has just ended.
      }
    }
    await Bun.sleep(10);
  }
}

/**
 * Makes a former primary the standby of the other one, which has been promoted meanwhile: what it committed alone is taken
 * back. Nobody was told of that.
 *
 * @throws StartError if it cannot be wound back; then it has to be copied
 */
export async function windBack(
  node: PostgresNode,
  primary: PostgresNode,
  tools: PairTools,
  signal: AbortSignal,
): Promise<void> {
  // If this is interrupted, the folder is worth nothing.
  writeFileSync(unfinishedFile(node), "");
  const source = `host=127.0.0.1 port=${primary.port} user=${BOOKS} dbname=${BOOKS}`;
  await work(node.folder, tools, signal, (path) => [
    tool("pg_rewind", tools),
    "--target-pgdata",
    path,
    "--source-server",
    source,
  ]);
  follow(node, node.folder, tools);
  rmSync(unfinishedFile(node));
}

/** Makes it a standby of the primary by a copy of all its data. What it had stays until the copy is whole. */
export async function copyAnew(
  node: PostgresNode,
  primary: PostgresNode,
  tools: PairTools,
  signal: AbortSignal,
): Promise<void> {
  const [draft, before] = [`${node.folder}.draft`, `${node.folder}.before`];
  for (const folder of [draft, before]) rmSync(folder, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  changeOwner(draft, tools.user);
  const source = [
    "--host",
    "127.0.0.1",
    "--port",
    String(primary.port),
    "--username",
    BOOKS,
    "--no-password",
  ];
  await work(draft, tools, signal, (path) => [
    tool("pg_basebackup", tools),
    "--pgdata",
    path,
    ...source,
    "--checkpoint",
    "fast",
    "--wal-method",
    "stream",
  ]);
  follow(node, draft, tools);
  if (existsSync(node.folder)) renameSync(node.folder, before);
  renameSync(draft, node.folder);
  rmSync(unfinishedFile(node), { force: true });
  rmSync(before, { recursive: true, force: true });
}

/** As PostgreSQL's user, by a tool that works in this folder and is noted as one of the stack's processes. */
async function work(
  folder: string,
  tools: PairTools,
  signal: AbortSignal,
  command: (path: string) => readonly string[],
): Promise<void> {
  const opened = openSync(folder, "r");
  const name = "postgres-copy";
  try {
    const { path } = dataArgument(tools.user, folder);
    await runTool(command(path), "", opened, {
      user: tools.user,
      // The password is for the user's own eyes, which a command line is not.
      environment: { ...tools.environment, PGPASSWORD: tools.password },
      signal,
      onStart: (pid) => recordProcess(tools.run, name, "init", pid),
    });
  } finally {
    forgetProcess(tools.run, name);
    closeSync(opened);
  }
}

/** It lies where the server itself does. */
function tool(name: string, { programs }: PairTools): string {
  return join(dirname(programs.postgres), name);
}

function follow(node: PostgresNode, folder: string, tools: PairTools): void {
  writeSettings({ ...tools, folder, moreSettings: node.settings });
  writeFileSync(signalFile(folder), "", { mode: 0o600 });
  changeOwner(signalFile(folder), tools.user);
}

function signalFile(folder: string): string {
  return join(folder, "standby.signal");
}

function isUnfinished(node: PostgresNode): boolean {
  return existsSync(unfinishedFile(node));
}

function unfinishedFile({ folder }: PostgresNode): string {
  return `${folder}.unfinished`;
}
