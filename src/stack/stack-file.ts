import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";

/** What `<data>/stack.json` says of a running stack: for tools that look into it, and for tests that break it. */
export interface StackDescription {
  /** Where clients go. */
  readonly url: string;
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
  /** These three bear their passwords. */
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly natsUrl: string;
}

/** Replaces the file in one step: a reader sees the old one or the new one. Only its owner may read it. */
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

/** What the file of a running stack says now. Throws where it cannot be read, or is no description of a stack. */
export function readStackFile(path: string): StackDescription {
  return description.parse(JSON.parse(readFileSync(path, "utf8")));
}

export function removeStackFile(path: string): void {
  rmSync(path, { force: true });
}
