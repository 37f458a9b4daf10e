import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, StartError } from "../../src/errors.ts";
import type { Violation } from "./check/checker-types.ts";
import type { FaultRecord } from "./plan/fault.ts";
import type { Attempt } from "./clients/history.ts";
import type { BooksSnapshot } from "./system/system-under-test.ts";

/**
 * The folder of a run: data and logs of the system, the requests with their answers, and the faults. It is removed if
 * nothing was found.
 *
 * Each round is written when it ends, so that a long run does not hold its history in memory.
 */
export class RunFolder {
  readonly path: string;

  /**
   * @param path a new or an empty folder; if not given, a new temporary folder is made
   * @throws {StartError} (exit code 2) if the folder is not empty, or cannot be made
   */
  constructor(path?: string) {
    try {
      if (path === undefined) {
        this.path = mkdtempSync(join(tmpdir(), "razonete-torture-"));
        // PostgreSQL may run as a user of its own, who needs access.
        chmodSync(this.path, 0o755);
        return;
      }
      mkdirSync(path, { recursive: true });
      this.path = path;
    } catch (error) {
      throw new StartError(`cannot make the folder of the run (${messageOf(error)}).`, 2);
    }
    if (readdirSync(path).length > 0) {
      throw new StartError(
        `${path} is not empty: name a new folder for the run, which removes it at the end.`,
        2,
      );
    }
  }

  addAttempts(attempts: readonly Attempt[]): void {
    this.#append("history.jsonl", attempts);
  }

  /** In the file the action of a fault is called `harm`, as in those of earlier versions. */
  addFaults(records: readonly FaultRecord[]): void {
    const rows = records.map(({ fault, ...record }) => {
      const { number, kind, action, afterMilliseconds, lastsMilliseconds } = fault;
      return { fault: { number, kind, harm: action, afterMilliseconds, lastsMilliseconds }, ...record };
    });
    this.#append("faults.jsonl", rows);
  }

  addViolations(violations: readonly Violation[]): void {
    this.#append("violations.jsonl", violations);
  }

  writeBooks(books: BooksSnapshot): void {
    writeFileSync(join(this.path, "books.json"), JSON.stringify(books));
  }

  /** @returns whether it was empty, and was removed */
  removeIfEmpty(): boolean {
    if (readdirSync(this.path).length > 0) return false;
    this.remove();
    return true;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  #append(name: string, rows: readonly object[]): void {
    appendFileSync(join(this.path, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  }
}
