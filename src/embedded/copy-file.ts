import { constants, Database } from "bun:sqlite";
import { copyFileSync, existsSync, linkSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { copyKeyFile, keyFileOf } from "../access/key-file.ts";
import { messageOf, StartError } from "../errors.ts";
import { copyHookFile, hookFileOf } from "../hooks/file-hooks.ts";
import {
  damaged,
  explain,
  inspectDataFile,
  inUse,
  isLocked,
  resolveFile,
  syncFile,
  tryLock,
} from "./data-file.ts";
import { unlinkCopy } from "./log-link.ts";

/** What a copied file holds. */
export interface CopiedFile {
  readonly accounts: number;
  readonly entries: number;
  readonly bytes: number;
}

export interface RestoredFile extends CopiedFile {
  /** The folder that holds what was there before; null if nothing was. */
  readonly before: string | null;
}

/**
 * Copies a ledger's file into a new one, also while a ledger uses it, and after a crash. The copy is of one moment, has
 * no log, is checked, and is on disk when this returns. Access keys and webhooks are copied beside it. Killed
 * before, it leaves at most `<to>.partial` and those.
 *
 * @throws StartError if there is no whole ledger, or `to` exists or cannot be written
 */
export function backUpFile(path: string, to: string): CopiedFile {
  if (!existsSync(path)) throw new StartError(`there is no ledger to back up: ${path} does not exist.`);
  const target = resolve(to);
  if (target.startsWith(`${resolve(path)}-`))
    throw new StartError(`${target} is a name of the ledger's own: give another --to.`);
  for (const taken of [target, `${target}-wal`, keyFileOf(target), hookFileOf(target)]) {
    if (existsSync(taken))
      throw new StartError(`${taken} exists already: give another --to, or remove it first.`);
  }
  if (!existsSync(dirname(target))) {
    throw new StartError(
      `the folder ${dirname(target)} does not exist: make it first, or give another --to.`,
    );
  }
  const file = resolveFile(path);
  const lock = attempt(file, () => tryLock(file));
  try {
    const partial = `${target}.partial`;
    const copied = copyChecked(file, lock === null, partial);
    // First the keys: a copy without those that it had would be open to everyone.
    copyKeyFile(keyFileOf(file), keyFileOf(target));
    copyHookFile(hookFileOf(file), hookFileOf(target));
    renameSync(partial, target);
    syncFile(dirname(target));
    return copied;
  } finally {
    lock?.close();
  }
}

/**
 * Puts a copy of a backup in place of a ledger's file. What was there before is kept in a folder beside it. Killed at
 * any point, either the old ledger is there, or the new one, or the new file beside the old log, which no start takes;
 * then do it again.
 *
 * @param path the data file; it and its folder need not exist
 * @param from a ledger's file; it is not changed
 * @param now names the folder for what was there before
 * @param dryRun only checks that it can be done
 * @throws StartError if a ledger runs on the file, or `from` is no whole ledger
 */
export function restoreFile(path: string, from: string, now: Date, dryRun: boolean): RestoredFile {
  if (!existsSync(from)) throw new StartError(`there is no backup: ${from} does not exist.`);
  const source = resolveFile(from);
  const folder = dirname(path);
  attemptIn(folder, () => mkdirSync(folder, { recursive: true, mode: 0o700 }));
  const file = resolveFile(path);
  if (source === file) throw new StartError("--from is the data file itself: give the backup.");
  const lock = attempt(file, () => tryLock(file));
  if (lock === null) throw inUse(file);
  try {
    const unfinished = `${file}-restoring`;
    const copied = copyChecked(source, isLocked(source), unfinished, true);
    const before = join(folder, `before-restore-${now.toISOString().replaceAll(/[:.]/g, "-")}`);
    const old = [file, `${file}-wal`].filter((name) => existsSync(name));
    const restored = { ...copied, before: old.length === 0 ? null : before };
    if (dryRun) {
      removeCopy(unfinished);
      return restored;
    }
    attemptIn(folder, () => {
      for (const name of old) keep(name, before);
      // Those that are there stay: some may have been revoked since.
      if (!existsSync(keyFileOf(file))) copyKeyFile(keyFileOf(source), keyFileOf(file));
      // And those know what they have sent since.
      if (!existsSync(hookFileOf(file))) copyHookFile(hookFileOf(source), hookFileOf(file));
      // From here on the new file is the ledger. The old log does not fit it, which every start sees.
      renameSync(unfinished, file);
      syncFile(folder);
      for (const ending of ["-wal", "-shm", "-journal"]) rmSync(`${file}${ending}`, { force: true });
      syncFile(folder);
    });
    return restored;
  } finally {
    lock.close();
  }
}

/** Copies what is in file and log, as of one moment, into one file. */
function copyChecked(file: string, isOpen: boolean, to: string, isBackup = false): CopiedFile {
  const whenDamaged = isBackup ? damagedBackup : damaged;
  const found = attempt(file, () => inspectDataFile(file, isOpen));
  if (found.type === "refused") {
    // What to do is said after the colon, of a data file.
    const [what = ""] = found.sentence.split(": ");
    throw new StartError(isBackup ? `${what}: give another file with --from.` : found.sentence);
  }
  if (found.type !== "ledger")
    throw whenDamaged(file, found.type === "damaged" ? found.finding : "it is gone");
  removeCopy(to);
  try {
    attempt(file, () => {
      const source = openToRead(file);
      try {
        source.run("PRAGMA busy_timeout = 2000");
        source.run("VACUUM INTO ?", [to]);
      } finally {
        source.close();
      }
    });
    return attempt(to, () => finishCopy(file, to, whenDamaged));
  } catch (error) {
    removeCopy(to);
    throw error;
  }
}

/** A file without a log was closed properly. It is opened as immutable: otherwise SQLite would create files beside it. */
function openToRead(file: string): Database {
  if (existsSync(`${file}-wal`)) return new Database(file, constants.SQLITE_OPEN_READONLY);
  const uri = `${pathToFileURL(file).href}?immutable=1`;
  return new Database(uri, constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
}

function finishCopy(file: string, to: string, whenDamaged: typeof damaged): CopiedFile {
  const copy = new Database(to, { create: false, readwrite: true });
  const count = (table: "accounts" | "entries"): number =>
    copy.query<{ count: number }, []>(`SELECT count(*) AS count FROM ${table}`).get()?.count ?? 0;
  let copied: Omit<CopiedFile, "bytes">;
  try {
    const finding = copy.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get()?.quick_check;
    if (finding !== "ok") throw whenDamaged(file, finding ?? "no answer to quick_check");
    unlinkCopy(copy);
    copied = { accounts: count("accounts"), entries: count("entries") };
  } finally {
    copy.close();
  }
  syncFile(to);
  return { ...copied, bytes: statSync(to).size };
}

function damagedBackup(file: string, finding: string): StartError {
  return new StartError(
    `the backup ${file} is damaged (${finding.replaceAll("\n", " ")}): give another file with --from.`,
  );
}

function keep(name: string, folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const kept = join(folder, basename(name));
  try {
    linkSync(name, kept);
  } catch {
    // Not every file system has hard links.
    copyFileSync(name, kept);
  }
  syncFile(kept);
  syncFile(folder);
}

function removeCopy(path: string): void {
  for (const ending of ["", "-journal"]) rmSync(`${path}${ending}`, { force: true });
}

function attempt<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw explain(error, file);
  }
}

function attemptIn(folder: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    throw new StartError(
      `the data folder ${folder} cannot be written (${messageOf(error)}): mend that, then restore again.`,
    );
  }
}
