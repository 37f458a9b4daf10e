import { spawnSync } from "node:child_process";
import {
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
import type { ProgramPaths } from "./server-programs.ts";

/**
 * PostgreSQL refuses to run as root, so root gives it to a user without rights. That user may not be able to enter
 * the folders above the data (/root, say), and those are not ours to open. So the data folder itself is opened by
 * us and handed over as an open file: /proc/self/fd/3 leads PostgreSQL into it without a step through its parents.
 */
export interface PostgresUser {
  /** Comes before PostgreSQL's own command. Empty where it runs as the present user. */
  readonly prefix: readonly string[];
  /** `null`: the present one. */
  readonly ids: { readonly user: number; readonly group: number } | null;
}

const HANDED_OVER = "/proc/self/fd/3";

/** Name of the role and of the database. */
export const BOOKS = "razonete";

/** @throws StartError as root on a machine without a user or a program to hand PostgreSQL over to */
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

/** How PostgreSQL is told its data folder, which the caller opens and passes on as its file 3 where `handOver`. */
export function dataArgument(user: PostgresUser, folder: string): { path: string; handOver: boolean } {
  return user.ids === null ? { path: folder, handOver: false } : { path: HANDED_OVER, handOver: true };
}

export interface BooksOptions {
  readonly programs: ProgramPaths;
  readonly user: PostgresUser;
  readonly folder: string;
  /** The settings file; PostgreSQL's user may not be able to read it where it is, so its folder gets a copy. */
  readonly settings: string;
  readonly password: string;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Creates the database's folder at the first start, whole or not at all, and puts the present settings into it.
 *
 * @throws StartError where PostgreSQL's own tools refuse
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
  const settings = join(folder, "postgresql.conf");
  copyFileSync(options.settings, settings);
  chmodSync(settings, 0o644);
}

async function createDatabaseFolder(draft: string, options: BooksOptions): Promise<void> {
  const { initdb, postgres } = options.programs;
  const folder = openSync(draft, "r");
  try {
    const { path } = dataArgument(options.user, draft);
    const how = ["--username", BOOKS, "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8"];
    await run([initdb, "-D", path, ...how], "", folder, options);
    writeFileSync(join(draft, "pg_hba.conf"), `host all all 127.0.0.1/32 scram-sha-256\n`, { mode: 0o644 });
    // Nobody listens in this mode. The password comes on the standard input: a command line can be read by everyone.
    const statements = `ALTER ROLE ${BOOKS} PASSWORD '${options.password}'\nCREATE DATABASE ${BOOKS}\n`;
    await run([postgres, "--single", "-D", path, "postgres"], statements, folder, options);
  } finally {
    closeSync(folder);
  }
}

async function run(
  command: readonly string[],
  input: string,
  folder: number,
  options: BooksOptions,
): Promise<void> {
  const child = Bun.spawn([...options.user.prefix, ...command], {
    // A folder that every user can enter: initdb insists on coming back to where it began.
    cwd: "/",
    env: { ...options.environment },
    stdio: [Buffer.from(input), "ignore", "pipe", folder],
    // Out of the terminal's reach: a Ctrl-C waits these two seconds instead of breaking them off.
    detached: true,
  });
  const [errors, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (code === 0 && !/\b(ERROR|FATAL|PANIC):/.test(errors)) return;
  throw new StartError(`PostgreSQL's folder could not be created: ${errors.trim()}`);
}

/**
 * PostgreSQL does not start while the number in its lock file belongs to any process. That of a killed one does for as
 * long as its parent has not taken note of its end, in a container maybe for ever, and after a boot it may belong to
 * another program. Whether somebody works in the folder is the better question. Those who served connections of a
 * killed server end by themselves a moment after it, and are waited for.
 */
async function removeStaleLockFile(folder: string): Promise<void> {
  const lockFile = join(folder, "postmaster.pid");
  if (!existsSync(lockFile) || !existsSync("/proc/self/cwd")) return;
  const deadline = performance.now() + stackBounds.stop_milliseconds_max;
  while (isInUse(folder)) {
    if (performance.now() > deadline) throw new StartError(`another PostgreSQL still works in ${folder}.`);
    await Bun.sleep(20);
  }
  rmSync(lockFile);
}

/** Whether any process has the folder as its working directory, as all of PostgreSQL's have. */
function isInUse(folder: string): boolean {
  return readdirSync("/proc").some((name) => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/cwd`) === folder;
    } catch {
      // It ended in between, or is another user's.
      return false;
    }
  });
}

function changeOwner(path: string, { ids }: PostgresUser): void {
  if (ids !== null) chownSync(path, ids.user, ids.group);
}

function idOf(flag: string, name: string): number | null {
  const { status, stdout } = spawnSync("id", [flag, name], { encoding: "utf8" });
  return status === 0 ? Number(stdout.trim()) : null;
}
