import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * What kill -9 cannot show: the kernel still has what a killed server has written, synced or not. A loss of power
 * takes what was not synced. So the server runs with a library that records each fsync (fsync-shim.c), and after the
 * kill its files are cut back to what the record says.
 *
 * Only what is in files is taken away: a rename or a removal counts as done. Everything beyond the synced length is
 * lost, which is the worst that can happen, and therefore a case that a promise has to stand.
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

/** Why there can be no record on this machine; null where there can. */
export function whyNoFsyncRecord(): string | null {
  if (process.platform !== "linux") return "LD_PRELOAD is Linux's";
  return spawnSync("gcc", ["--version"]).status === 0 ? null : "there is no gcc";
}

/**
 * @param folder where library and record go; on a disk that does not fill up
 * @throws Error where the library cannot be built
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
 * Cuts every file of Redis's append-only folder back to its synced length; one that was never synced, to nothing. For
 * a server that has been killed and that had run under the record since the folder was empty.
 *
 * @returns the files that had more than that
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

/** 0 where the record is of another file, which had the inode before; a file system may not tell when one was made. */
function syncedBytes(record: string, birthtimeNs: bigint): number {
  if (!existsSync(record)) return 0;
  const [size = "0", birth = "0"] = readFileSync(record, "utf8").trim().split(" ");
  const born = BigInt(birth);
  return born === 0n || born === birthtimeNs ? Number(size) : 0;
}
