import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";

/** The content of `<data>/stack.json`, which describes a running stack to other tools and to tests. */
export interface StackDescription {
  /** The address for clients. */
  readonly url: string;
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
  /** These three URLs include passwords. */
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly natsUrl: string;
}

/** Replaces the file in one step: a reader sees the old content or the new. Only its owner may read it. */
export function writeStackFile(path: string, description: StackDescription): void {
  const next = `${path}.next`;
  writeFileSync(next, `${JSON.stringify(description, null, 2)}\n`, { mode: 0o600 });
  renameSync(next, path);
}

const description = z.object({
  url: z.string(),
  processes: z.array(z.object({ name: z.string(), pid: z.int() })),
  databaseUrl: z.string(),
  redisUrl: z.string(),
  natsUrl: z.string(),
});

/** Reads the file of a running stack. Throws if it cannot be read or does not describe a stack. */
export function readStackFile(path: string): StackDescription {
  return description.parse(JSON.parse(readFileSync(path, "utf8")));
}

export function removeStackFile(path: string): void {
  rmSync(path, { force: true });
}
