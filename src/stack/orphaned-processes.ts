import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { stackBounds } from "./stack-bounds.ts";
import { type ProcessIdentity, identityOf, isAlive } from "./process-identity.ts";
import { type ProcessKind, PROCESS_KINDS, STOP_SIGNALS } from "./process-kinds.ts";

/**
 * A file for each running process, beside the data. A stack that stops removes these files. A stack that was killed
 * leaves them, and also leaves its processes running. The next stack reads the files and ends those processes. A process
 * id alone is not enough, since another process may have it by then: the files also have the start time.
 */

const record = z.object({
  kind: z.enum(PROCESS_KINDS),
  pid: z.int().positive(),
  started: z.string(),
});

export function recordProcess(run: string, name: string, kind: ProcessKind, pid: number): void {
  const identity = identityOf(pid);
  if (identity !== null) writeFileSync(fileOf(run, name), JSON.stringify({ kind, ...identity }));
}

export function forgetProcess(run: string, name: string): void {
  rmSync(fileOf(run, name), { force: true });
}

/**
 * Ends the processes that a killed stack left running, recorded in the folder `run`. They are ended kind by kind, in
 * the order in which a stack stops, each with the signal for a clean stop, and with SIGKILL if that does not help.
 */
export async function endOrphanedProcesses(run: string, say: (line: string) => void): Promise<void> {
  const left = readRecords(run)
    .filter(({ identity }) => isAlive(identity))
    .toSorted((a, b) => PROCESS_KINDS.indexOf(a.kind) - PROCESS_KINDS.indexOf(b.kind));
  if (left.length > 0) {
    const names = left.map(({ name, identity }) => `${name} (${identity.pid})`).join(", ");
    say(`The last stack here was killed and left ${names} running: stopping them first ...`);
  }
  for (const kind of PROCESS_KINDS) {
    await Promise.all(left.filter((each) => each.kind === kind).map(({ identity }) => end(identity, kind)));
  }
  rmSync(run, { recursive: true, force: true });
}

async function end(identity: ProcessIdentity, kind: ProcessKind): Promise<void> {
  signal(identity, STOP_SIGNALS[kind].stop);
  if (await isGoneWithin(identity, stackBounds.stop_milliseconds_max)) return;
  signal(identity, "SIGKILL");
  if (await isGoneWithin(identity, stackBounds.stop_milliseconds_max)) return;
  throw new Error(`process ${identity.pid} (${kind}) does not end`);
}

function signal(identity: ProcessIdentity, name: NodeJS.Signals): void {
  try {
    if (isAlive(identity)) process.kill(identity.pid, name);
  } catch (error) {
    // The process ended between the two calls.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

async function isGoneWithin(identity: ProcessIdentity, milliseconds: number): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  while (isAlive(identity)) {
    if (performance.now() > deadline) return false;
    await Bun.sleep(20);
  }
  return true;
}

function readRecords(run: string): { name: string; kind: ProcessKind; identity: ProcessIdentity }[] {
  let files: string[];
  try {
    files = readdirSync(run).filter((file) => file.endsWith(".pid"));
  } catch {
    return [];
  }
  return files.flatMap((file) => {
    const parsed = record.safeParse(readJson(join(run, file)));
    if (!parsed.success) return [];
    const { kind, pid, started } = parsed.data;
    return [{ name: file.slice(0, -".pid".length), kind, identity: { pid, started } }];
  });
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // A power failure or a signal interrupted the writing of the file.
    return null;
  }
}

function fileOf(run: string, name: string): string {
  return join(run, `${name}.pid`);
}
