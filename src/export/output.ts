import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
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

/** Written beside the file, which is there as a whole or as it was before. */
export function toFile(path: string): Output {
  const unfinished = `${path}.unfinished`;
  const explained = <T>(action: () => T): T => {
    try {
      return action();
    } catch (error) {
      throw new StartError(`${path} cannot be written (${messageOf(error)}): name another file with --to.`);
    }
  };
  const file = explained(() => {
    rmSync(unfinished, { force: true });
    return openSync(unfinished, "wx", 0o600);
  });
  return {
    write: (text) => explained(() => writeWhole(file, text)),
    finish: () =>
      explained(() => {
        fsyncSync(file);
        closeSync(file);
        renameSync(unfinished, path);
      }),
    discard: () => {
      closeSync(file);
      rmSync(unfinished, { force: true });
    },
  };
}

/** Waits for whoever reads, so that no more of it is in memory than the next piece. */
export function toStandardOutput(): Output {
  return {
    write: (text) => {
      try {
        writeWhole(STANDARD_OUTPUT, text);
      } catch (error) {
        if (codeOf(error) === "EPIPE") throw new NobodyReads();
        throw new StartError(`the export cannot be written (${messageOf(error)}).`);
      }
    },
    finish: () => {},
    discard: () => {},
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
