import { afterAll, beforeAll } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { type RunningStack, startStack } from "../../support/running-stack.ts";

export interface SharedStack {
  readonly stack: RunningStack;
  readonly data: string;
  /** The ids and bodies that the APIs have got since this was last asked. */
  readonly takeSeen: () => { readonly id: string; readonly body: string }[];
}

/** One stack for all tests of a describe: a start of its own for each would cost them seconds. */
export function sharedStack(settings: Readonly<Record<string, string>> = {}): () => SharedStack {
  let folder: ReturnType<typeof temporaryFolder> | null = null;
  let stack: RunningStack | null = null;
  beforeAll(async () => {
    folder = temporaryFolder();
    const environment = { STAND_IN_SEEN: join(folder.path, "seen"), ...settings };
    stack = await startStack({ data: join(folder.path, "data"), environment });
  }, 60_000);
  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]();
    folder?.[Symbol.dispose]();
  }, 60_000);
  return () => {
    if (stack === null || folder === null) throw new Error("the stack did not start");
    const file = join(folder.path, "seen");
    return { stack, data: join(folder.path, "data"), takeSeen: () => takeLines(file) };
  };
}

function takeLines(file: string): { readonly id: string; readonly body: string }[] {
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
  writeFileSync(file, "");
  return lines.map((line) => {
    const [id = "", body = ""] = line.split(" ");
    return { id, body };
  });
}
