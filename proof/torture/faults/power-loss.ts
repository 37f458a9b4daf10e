import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Simulates what kill -9 cannot show: after a kill the kernel still has what the server has written, synced or not; a
 * loss of power takes what was not synced. So the server runs with a library that records each fsync (fsync-shim.c),
 * and after the kill its files are cut back to the recorded lengths.
 *
 * Only contents of files are taken away: a rename or a removal counts as done. Everything beyond the synced length is
 * lost. That is the worst case, which the promise has to withstand.
 */
export interface FsyncRecord {
  /** For LD_PRELOAD; with others, separated by colons. */
  readonly library: string;
  /** For the server's variable FSYNC_RECORD. */
  readonly folder: string;
  readonly environment: Readonly<Record<"LD_PRELOAD" | "FSYNC_RECORD", string>>;
}

/** A file that was cut, with its lengths in bytes. */
export interface CutFile {
  readonly file: string;
  readonly from: number;
  readonly to: number;
}

const SOURCE = fileURLToPath(new URL("./fsync-shim.c", import.meta.url));

/** Why fsyncs cannot be recorded on this machine; null if they can. */
export function whyNoFsyncRecord(): string | null {
  if (process.platform !== "linux") return "LD_PRELOAD is Linux's";
  return spawnSync("gcc", ["--version"]).status === 0 ? null : "there is no gcc";
}

/**
 * @param folder for the library and the record; on a disk that does not fill up
 * @throws Error if the library cannot be built
 */
export function buildFsyncRecord(folder: string): FsyncRecord {
  const library = join(folder, "fsync-shim.so");
  const record = join(folder, "fsync-record");
  mkdirSync(record, { recursive: true });
  const gcc = spawnSync("gcc", ["-shared", "-fPIC", "-O1", "-o", library, SOURCE], { encoding: "utf8" });
  if (gcc.status !== 0) throw new Error(`gcc: ${gcc.stderr}`);
  return { library, folder: record, environment: { LD_PRELOAD: library, FSYNC_RECORD: record } };
}

/**
 * Cuts every file of Redis's append-only folder back to its synced length; a file that was never synced becomes empty.
 * The server must have been killed, and must have run with the library since the folder was empty.
 *
 * @returns the files that were longer
 */
export function cutToSynced(aofFolder: string, recordFolder: string): readonly CutFile[] {
  const cut: CutFile[] = [];
  for (const name of readdirSync(aofFolder)) {
    const file = join(aofFolder, name);
    const { ino, size, birthtimeNs } = statSync(file, { bigint: true });
    const synced = syncedBytes(join(recordFolder, String(ino)), birthtimeNs);
    if (synced >= Number(size)) continue;
    truncateSync(file, synced);
    cut.push({ file, from: Number(size), to: synced });
  }
  return cut;
}

/** 0 if the record is of another file that had the inode before. Not every file system gives a file's birth time. */
function syncedBytes(record: string, birthtimeNs: bigint): number {
  if (!existsSync(record)) return 0;
  const [size = "0", birth = "0"] = readFileSync(record, "utf8").trim().split(" ");
  const born = BigInt(birth);
  return born === 0n || born === birthtimeNs ? Number(size) : 0;
}
