import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { StackDescription } from "../../src/stack/stack-file.ts";
import { eventually } from "./eventually.ts";

const ROOT = join(import.meta.dir, "../..");
const END_MILLISECONDS_MAX = 45_000;

export interface StackStart {
  readonly data: string;
  readonly port?: number;
  readonly fresh?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  /** `razonete stack` itself, with our own processes as they are, instead of stand-ins for them. */
  readonly real?: boolean;
  /** Further ones of `razonete stack` itself. */
  readonly flags?: readonly string[];
  /** The same as some of its flags, for a stack with stand-ins. */
  readonly form?: { readonly shards?: number; readonly replicas?: number; readonly redisNodes?: number };
}

export interface RunningStack extends AsyncDisposable {
  readonly url: string;
  readonly data: string;
  /** What stack.json says now. */
  description(): StackDescription;
  /** The number of a process as stack.json has it now. */
  pid(name: string): number;
  /** Waits until every process that stack.json names runs. */
  settled(): Promise<void>;
  output(): string;
  signal(signal: NodeJS.Signals): void;
  readonly ended: Promise<number>;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<number>;
}

/** Starts a stack as a process of its own; rejects with what it said where it ends instead. */
export async function startStack(start: StackStart): Promise<RunningStack> {
  const stack = spawnStack(start);
  const file = join(start.data, "stack.json");
  try {
    const isUp = () => /Ctrl-C stops everything|"listening"/.test(stack.output()) && existsSync(file);
    await eventually("the stack is up, or has ended", () => stack.over() || isUp());
    if (stack.over()) throw new Error(`the stack ended: ${stack.output()}`);
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
  const description = (): StackDescription => JSON.parse(readFileSync(file, "utf8"));
  return {
    ...stack,
    url: description().url,
    data: start.data,
    description,
    pid: (name) => {
      const found = description().processes.find((process) => process.name === name);
      if (found === undefined) throw new Error(`stack.json has no ${name}`);
      return found.pid;
    },
    settled: () =>
      eventually("every process runs", () => description().processes.every(({ pid }) => runs(pid))),
    stop: () => {
      stack.signal("SIGTERM");
      return stack.ended;
    },
  };
}

/** Starts a stack where it is expected to end by itself. */
export async function stackToTheEnd(start: StackStart): Promise<{ code: number; output: string }> {
  const stack = spawnStack(start);
  const bound = setTimeout(() => stack.signal("SIGKILL"), END_MILLISECONDS_MAX);
  const code = await stack.ended;
  clearTimeout(bound);
  return { code, output: stack.output() };
}

function spawnStack(start: StackStart) {
  const { data, port = 0, fresh = false, environment = {}, real = false } = start;
  const flags = [
    "--data",
    data,
    "--port",
    String(port),
    ...(fresh ? ["--fresh"] : []),
    ...(start.flags ?? []),
  ];
  const command = real
    ? ["src/cli/main.ts", "stack", ...flags]
    : [
        "tests/stack/support/stand-in-stack.ts",
        data,
        String(port),
        fresh ? "fresh" : "kept",
        JSON.stringify(start.form ?? {}),
      ];
  const child = Bun.spawn([process.execPath, ...command], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let output = "";
  const collect = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) output += decoder.decode(chunk, { stream: true });
  };
  const collected = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const ended = child.exited.then(async (code) => {
    await collected;
    return code;
  });
  const over = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    output: () => output,
    over,
    signal: (name: NodeJS.Signals) => {
      if (!over()) child.kill(name);
    },
    ended,
    [Symbol.asyncDispose]: async () => {
      if (!over()) child.kill("SIGKILL");
      await ended;
      for (const pid of processesOf(data)) killIfThere(pid);
      await eventually("no process is left", () => processesOf(data).length === 0);
    },
  };
}

/**
 * Every process on the machine that has to do with a stack's folder, by its working directory, environment or command
 * line: found without the stack's own records.
 */
export function processesOf(data: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      const folder = `/proc/${name}`;
      try {
        if (/\) [ZX] /.test(readFileSync(`${folder}/stat`, "utf8"))) return false;
        const told = [readFileSync(`${folder}/environ`), readFileSync(`${folder}/cmdline`)];
        return told.some((text) => text.includes(data)) || readlinkSync(`${folder}/cwd`).startsWith(data);
      } catch {
        // It ended in between, or is not ours to look at.
        return false;
      }
    })
    .map(Number);
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended.
    return;
  }
}
