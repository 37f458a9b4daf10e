import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { resolve } from "node:path";
import { resolveFile } from "../embedded/data-file.ts";
import { messageOf, StartError } from "../errors.ts";

const STANDARD_OUTPUT = 1;
const FULL_PIPE_MILLISECONDS = 5;

/** Where an export goes. */
export interface Output {
  readonly write: (text: string) => void;
  /** From now on it is there, whole. */
  finish(): void;
  /** What was written is not wanted. */
  discard(): void;
}

/** Nobody reads what is written any more, as behind `| head`. */
export class NobodyReads extends Error {}

/**
 * What has this name: a device or a pipe is written into, as the output of the program is; a file must not be there yet.
 *
 * @param dataFile of the ledger, where it has one: beside it no file is made whose name is the ledger's own
 * @throws StartError
 */
export function openOutput(to: string, dataFile: string | null): Output {
  const path = resolve(to);
  const found = explained(path, () => statSync(path, { throwIfNoEntry: false }));
  const standard = fstatSync(STANDARD_OUTPUT);
  // By another name, as /dev/stdout. Where it is a socket, that could not be opened.
  if (found?.dev === standard.dev && found.ino === standard.ino) return toStandardOutput();
  if (found !== undefined && !found.isFile() && !found.isDirectory()) {
    const stream = explained(path, () => openSync(path, constants.O_WRONLY));
    return { ...toStream(stream), finish: () => closeSync(stream), discard: () => closeSync(stream) };
  }
  requireNew(path);
  const isOwn =
    dataFile !== null && explained(path, () => resolveFile(path)).startsWith(`${resolveFile(dataFile)}-`);
  if (isOwn) throw new StartError(`${path} is a name of the ledger's own: give another --to.`);
  return toFile(path);
}

/** A link that leads nowhere is there, too: it is neither replaced nor followed. */
function requireNew(path: string): void {
  if (explained(path, () => lstatSync(path, { throwIfNoEntry: false })) !== undefined)
    throw new StartError(`${path} exists already: give another --to, or remove it first.`);
}

function explained<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new StartError(`${path} cannot be written (${messageOf(error)}): name another file with --to.`);
  }
}

/** Written beside the file, which is there as a whole or not at all. */
function toFile(path: string): Output {
  const unfinished = `${path}.unfinished`;
  const file = explained(path, () => {
    rmSync(unfinished, { force: true });
    return openSync(unfinished, "wx", 0o600);
  });
  return {
    write: (text) => explained(path, () => writeWhole(file, text)),
    finish: () => {
      explained(path, () => fsyncSync(file));
      // Somebody else may have made it meanwhile.
      requireNew(path);
      explained(path, () => renameSync(unfinished, path));
      closeSync(file);
    },
    discard: () => {
      closeSync(file);
      rmSync(unfinished, { force: true });
    },
  };
}

/** As the shell has set it, whatever it is. */
export function toStandardOutput(): Output {
  return { ...toStream(STANDARD_OUTPUT), finish: () => {}, discard: () => {} };
}

/** Waits for whoever reads, so that no more of it is in memory than the next piece. */
function toStream(file: number): Pick<Output, "write"> {
  return {
    write: (text) => {
      try {
        writeWhole(file, text);
      } catch (error) {
        if (codeOf(error) === "EPIPE") throw new NobodyReads();
        throw new StartError(`the export cannot be written (${messageOf(error)}).`);
      }
    },
  };
}

function writeWhole(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(file, bytes, at);
    } catch (error) {
      // A pipe that its other end has made one that does not block, and that is full.
      if (codeOf(error) !== "EAGAIN") throw error;
      Bun.sleepSync(FULL_PIPE_MILLISECONDS);
    }
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : null;
}
