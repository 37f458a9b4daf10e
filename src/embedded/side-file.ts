import { type Database, SQLiteError } from "bun:sqlite";
import { chownSync, closeSync, existsSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { StartError } from "../errors.ts";
import { syncFile } from "./data-file.ts";

/** What the SQLite files beside a data file have in common: that of access keys, and that of webhooks. */

/** How a program knows such a file. */
export interface SideFileKind {
  /** The one `user_version` that this program writes and reads. */
  readonly schemaVersion: number;
  readonly applicationId: number;
  /** Such as "a file of access keys". */
  readonly name: string;
}

/** Makes an empty one where there is none. Only its owner may read it; made by root, it belongs to whom the folder belongs. */
export function createSideFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return;
    throw error;
  }
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(path));
  chownSync(path, uid, gid);
}

/** Copies it whole or not at all; nothing where there is none. On disk when it returns. */
export function copySideFile(from: string, to: string, open: (path: string) => Database): void {
  if (!existsSync(from)) return;
  const partial = `${to}.partial`;
  rmSync(partial, { force: true });
  createSideFile(partial);
  const db = open(from);
  try {
    // Into the empty file that is there, which SQLite would make for everyone to read.
    db.run("VACUUM INTO ?", [partial]);
  } finally {
    db.close();
  }
  syncFile(partial);
  renameSync(partial, to);
  syncFile(dirname(to));
}

/**
 * @param isMade whether its tables are there; else it has to be empty
 * @throws StartError if a newer program wrote it, or it is something else
 */
export function requireKind(db: Database, path: string, kind: SideFileKind, isMade: boolean): void {
  const version = pragmaNumber(db, "user_version");
  if (version > kind.schemaVersion) {
    throw new StartError(
      `${path} has schema version ${version}, this program knows version ${kind.schemaVersion}: ` +
        "use the newer program that wrote it.",
    );
  }
  if (isMade ? pragmaNumber(db, "application_id") !== kind.applicationId : pragmaNumber(db, "page_count") > 0)
    throw new StartError(`${path} is not ${kind.name}: move it away, and put back a copy of yours.`);
}

export function pragmaNumber(db: Database, pragma: string): number {
  const [value] = Object.values(db.query<Record<string, number>, []>(`PRAGMA ${pragma}`).get() ?? {});
  return value ?? 0;
}

export function isBusy(error: unknown): boolean {
  return error instanceof SQLiteError && /^SQLITE_(BUSY|LOCKED)/.test(error.code ?? "");
}

/** What a person does where it cannot be used. */
export function whatToDo(error: unknown): string {
  if (error instanceof SQLiteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code ?? ""))
    return "put back a copy of it";
  return isBusy(error)
    ? "another process is writing it; try again"
    : "free the disk, or mend the permissions of file and folder";
}
