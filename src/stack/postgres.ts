import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { stackBounds } from "./stack-bounds.ts";
import { StartError } from "../errors.ts";
import { scramVerifier } from "../keep/roles.ts";
import type { ProgramPaths } from "./server-programs.ts";

/**
 * PostgreSQL refuses to run as root, so as root we run it as a user without privileges. That user may not have access
 * to the folders above the data (such as /root), and we must not change their permissions. So we open the data folder
 * and pass it on as an open file: through /proc/self/fd/3 PostgreSQL reaches it without its parent folders.
 */
export interface PostgresUser {
  /** Comes before PostgreSQL's own command. Empty if it runs as the current user. */
  readonly prefix: readonly string[];
  /** `null`: the current user. */
  readonly ids: { readonly user: number; readonly group: number } | null;
}

const HANDED_OVER = "/proc/self/fd/3";

/** The name of PostgreSQL's role and of the database. */
export const BOOKS = "razonete";

/** @throws StartError as root, if the machine has no user or no program to run PostgreSQL as another user */
export function choosePostgresUser(): PostgresUser {
  if (process.getuid?.() !== 0) return { prefix: [], ids: null };
  for (const name of ["postgres", "nobody"]) {
    const user = idOf("-u", name);
    const group = idOf("-g", name);
    if (user === null || group === null) continue;
    if (!existsSync("/proc/self/fd") || spawnSync("setpriv", ["--version"]).status !== 0) break;
    const ids = { user, group };
    const prefix = ["setpriv", `--reuid=${user}`, `--regid=${group}`, "--clear-groups", "--"];
    return { prefix, ids };
  }
  throw new StartError(
    "PostgreSQL does not run as root, and this machine has no way to hand it over (a user postgres or nobody, " +
      "setpriv, /proc): start the stack as another user.",
  );
}

/** The path to give PostgreSQL as its data folder. If `handOver`, the caller opens the folder and passes it as file 3. */
export function dataArgument(user: PostgresUser, folder: string): { path: string; handOver: boolean } {
  return user.ids === null ? { path: folder, handOver: false } : { path: HANDED_OVER, handOver: true };
}

export interface BooksOptions {
  readonly programs: ProgramPaths;
  readonly user: PostgresUser;
  readonly folder: string;
  /** The settings file. It is copied into the data folder, since PostgreSQL's user may not be able to read it here. */
  readonly settings: string;
  /** Further lines for it. */
  readonly moreSettings?: string;
  readonly password: string;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Creates the database's folder at the first start, completely or not at all, and copies the current settings into it.
 *
 * @throws StartError if PostgreSQL's own tools fail
 */
export async function prepareBooks(options: BooksOptions): Promise<void> {
  const { folder } = options;
  if (!existsSync(folder)) {
    const draft = `${folder}.draft`;
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { mode: 0o700 });
    changeOwner(draft, options.user);
    await createDatabaseFolder(draft, options);
    renameSync(draft, folder);
  }
  await removeStaleLockFile(folder);
  writeSettings(options);
}

/** Copies the current settings into a folder that exists. */
export function writeSettings({
  folder,
  settings,
  moreSettings = "",
}: Pick<BooksOptions, "folder" | "settings" | "moreSettings">): void {
  const file = join(folder, "postgresql.conf");
  copyFileSync(settings, file);
  appendFileSync(file, moreSettings);
  chmodSync(file, 0o644);
}

async function createDatabaseFolder(draft: string, options: BooksOptions): Promise<void> {
  const { initdb, postgres } = options.programs;
  const folder = openSync(draft, "r");
  try {
    const { path } = dataArgument(options.user, draft);
    const how = ["--username", BOOKS, "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8"];
    await runTool([initdb, "-D", path, ...how], "", folder, options);
    // Of a physical copy (pg_basebackup), too.
    const clients = ["all", "replication"].map((what) => `host ${what} all 127.0.0.1/32 scram-sha-256\n`);
    const access = join(draft, "pg_hba.conf");
    writeFileSync(access, clients.join(""));
    // PostgreSQL's user reads it, in a folder that nobody else can enter.
    chmodSync(access, 0o644);
    // In this mode PostgreSQL does not listen. An error would show the statements: so they have no password.
    const verifier = scramVerifier(options.password);
    const statements = `ALTER ROLE ${BOOKS} PASSWORD '${verifier}'\nCREATE DATABASE ${BOOKS}\n`;
    await runTool([postgres, "--single", "-D", path, "postgres"], statements, folder, options);
  } finally {
    closeSync(folder);
  }
}

/** Where a tool may run for long. */
interface Begun {
  /** Ends it. */
  readonly signal?: AbortSignal;
  readonly onStart?: (pid: number) => void;
}

/**
 * Runs one of PostgreSQL's tools as its user.
 *
 * @param folder the open folder that it works in
 * @throws StartError if it fails
 */
export async function runTool(
  command: readonly string[],
  input: string,
  folder: number,
  options: Pick<BooksOptions, "user" | "environment"> & Begun,
): Promise<void> {
  const child = Bun.spawn([...options.user.prefix, ...command], {
    // A folder that every user can enter: initdb has to be able to return to its working directory.
    cwd: "/",
    env: { ...options.environment },
    stdio: [Buffer.from(input), "ignore", "pipe", folder],
    // Detached from the terminal: a Ctrl-C waits the two seconds that this takes and does not interrupt it.
    detached: true,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  options.onStart?.(child.pid);
  const [errors, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (code === 0 && !/\b(ERROR|FATAL|PANIC):/.test(errors)) return;
  throw new StartError(`PostgreSQL's folder could not be created: ${errors.trim()}`);
}

/**
 * PostgreSQL does not start while any process has the id in its lock file. The id of a killed server stays in use until
 * its parent has waited for it, which in a container may never happen; and after a boot another program may have it.
 * So this checks instead whether any process works in the folder, and removes the lock file if none does. The child
 * processes of a killed server end by themselves a moment later, so this waits for them.
 */
export async function removeStaleLockFile(folder: string): Promise<void> {
  const lockFile = join(folder, "postmaster.pid");
  if (!existsSync(lockFile) || !existsSync("/proc/self/cwd")) return;
  const deadline = performance.now() + stackBounds.stop_milliseconds_max;
  while (processesIn(folder).length > 0) {
    if (performance.now() > deadline) throw new StartError(`another PostgreSQL still works in ${folder}.`);
    await Bun.sleep(20);
  }
  rmSync(lockFile);
}

/** Those that have the folder as their working directory, as all processes of PostgreSQL do. Of a system without /proc: none. */
export function processesIn(folder: string): number[] {
  if (!existsSync("/proc/self/cwd")) return [];
  const isIn = (name: string): boolean => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/cwd`) === folder;
    } catch {
      // The process has ended meanwhile, or belongs to another user.
      return false;
    }
  };
  return readdirSync("/proc").filter(isIn).map(Number);
}

export function changeOwner(path: string, { ids }: PostgresUser): void {
  if (ids !== null) chownSync(path, ids.user, ids.group);
}

function idOf(flag: string, name: string): number | null {
  const { status, stdout } = spawnSync("id", [flag, name], { encoding: "utf8" });
  return status === 0 ? Number(stdout.trim()) : null;
}
