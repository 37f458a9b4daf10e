import { Database, SQLiteError } from "bun:sqlite";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { messageOf, StartError } from "../errors.ts";

const MARKER = "razonete-stack";
const MARKER_TEXT = "The data of a Razonete stack. `razonete stack --fresh` may empty this folder.\n";
const LOCK = "lock";

/** The folder with all data that a stack keeps between runs. */
export interface DataFolder {
  /** Absolute, without symbolic links. */
  readonly path: string;
  readonly logs: string;
  /** Files of the running processes: their sockets and their records (see orphaned-processes.ts). */
  readonly run: string;
  readonly redis: string;
  readonly nats: string;
  readonly postgres: string;
  readonly stackFile: string;
  /** What the operator's tools need of the environment; a shell reads it. */
  readonly operatorFile: string;
  /** The operator's, for Redis, NATS and PostgreSQL, which every user of the machine can reach over loopback. */
  readonly password: string;
  /** Releases the lock, so that another stack can use the folder. */
  release(): void;
}

/**
 * Opens the folder for one stack, and creates it if it does not exist.
 *
 * A lock marks it as in use: an exclusive transaction on an empty SQLite file, which the kernel ends however the process
 * ends. A folder that has contents but no marker file is not a stack's, and is never changed.
 *
 * @param onLocked runs with the lock held, before anything is removed or read: ends what a killed stack left running
 * @throws StartError if the folder cannot be used
 */
export async function openDataFolder(
  folder: string,
  fresh: boolean,
  onLocked: (run: string) => Promise<void>,
): Promise<DataFolder> {
  const path = createOrRecognise(folder);
  const lock = takeLock(path);
  try {
    const run = join(path, "run");
    await onLocked(run);
    if (fresh) empty(path);
    const paths = {
      path,
      run,
      logs: join(path, "logs"),
      redis: join(path, "redis"),
      nats: join(path, "nats"),
      postgres: join(path, "postgres"),
      stackFile: join(path, "stack.json"),
      operatorFile: join(path, "operator.env"),
    };
    // Each server's own is made where it is started: one Redis has another than nine.
    for (const part of [paths.logs, run]) mkdirSync(part, { recursive: true });
    for (const file of [paths.stackFile, paths.operatorFile]) rmSync(file, { force: true });
    return { ...paths, password: readOrCreatePassword(join(path, "password")), release: () => lock.close() };
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** Whether a stack has used the folder before. */
export function isStackFolder(folder: string): boolean {
  return existsSync(join(folder, MARKER));
}

function createOrRecognise(folder: string): string {
  try {
    mkdirSync(folder, { recursive: true });
    const path = realpathSync(folder);
    if (!existsSync(join(path, MARKER))) {
      if (readdirSync(path).length > 0) {
        throw new StartError(
          `${path} is not empty and not the data folder of a stack: choose another one with --data.`,
        );
      }
      writeFileSync(join(path, MARKER), MARKER_TEXT);
    }
    // Whoever made it, and with whatever rights: its user alone may enter it.
    chmodSync(path, 0o700);
    return path;
  } catch (error) {
    if (error instanceof StartError) throw error;
    const reason = messageOf(error);
    throw new StartError(
      `the data folder ${folder} cannot be used (${reason}): choose another one with --data.`,
    );
  }
}

function takeLock(path: string): Database {
  const lock = new Database(join(path, LOCK), { create: true });
  try {
    lock.run("PRAGMA locking_mode = EXCLUSIVE");
    lock.run("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    if (error instanceof SQLiteError && error.code === "SQLITE_BUSY") {
      throw new StartError(
        `${path} is in use by another stack: stop that one first, or choose another folder with --data.`,
      );
    }
    throw error;
  }
}

function empty(path: string): void {
  for (const name of readdirSync(path)) {
    if (name !== MARKER && !name.startsWith(LOCK)) rmSync(join(path, name), { recursive: true });
  }
}

/** All passwords follow from it, so that of an empty file everybody would know them. */
function readOrCreatePassword(file: string): string {
  if (existsSync(file)) {
    const password = readFileSync(file, "utf8").trim();
    if (/^[\w-]{24,}$/.test(password)) return password;
    throw new StartError(
      `${file} has no password: write the one of PostgreSQL's owner into it, 24 letters and digits or more, or remove the ` +
        "file where this stack has never been started.",
    );
  }
  const password = Buffer.from(crypto.getRandomValues(new Uint8Array(18))).toString("base64url");
  // In one step, or a full disk would leave an empty one.
  writeFileSync(`${file}.next`, `${password}\n`, { mode: 0o600 });
  renameSync(`${file}.next`, file);
  return password;
}
