import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PREFIX = `razonete-test-${process.pid}-`;

/** Ids of processes come again: this is what a killed run with the same one has left. */
const earlier = new Set(ownFolders());

export interface TemporaryFolder extends Disposable {
  readonly path: string;
}

/**
 * A new folder that is gone at the end of the scope: `using folder = temporaryFolder()`.
 *
 * @param name ends the folder's name, with a dash: whose it is, for whoever looks at what a killed run has left
 */
export function temporaryFolder(name = ""): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), `${PREFIX}${name}-`));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** The folders of this test run that are still there. */
export function temporaryFolders(): readonly string[] {
  return ownFolders()
    .filter((name) => !earlier.has(name))
    .map((name) => join(tmpdir(), name));
}

function ownFolders(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith(PREFIX));
}
