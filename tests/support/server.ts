import { expect } from "bun:test";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");
const START_MILLISECONDS_MAX = 20_000;

export interface ServeOptions {
  /** The folder of the data file. */
  readonly data: string;
  /** 0, a free one, where it is not given. */
  readonly port?: number;
  /** More flags. */
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** A command that starts the server as its last arguments say, by exec, so that it keeps its pid. */
  readonly wrapper?: readonly string[];
}

export interface RunningServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** All that it has printed. Complete once it has ended. */
  output(): { readonly stdout: string; readonly stderr: string };
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it has ended, to the exit code; a signal is 128 and its number, as in a shell. */
  readonly ended: Promise<number>;
  /** kill -9, and waits for the end. */
  kill(): Promise<void>;
  /** Asks it to end as a person would, and waits for it. */
  stop(): Promise<number>;
}

/** Starts `razonete serve` as a process of its own; rejects with what it said where it ends instead. */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const server = spawnServer(options);
  const deadline = performance.now() + START_MILLISECONDS_MAX;
  let over = false;
  const ended = server.ended.then((code) => {
    over = true;
    return code;
  });
  while (true) {
    const { stdout, stderr } = server.output();
    const url = (/listens on (https?:\S+)/.exec(stdout) ?? /"listening","url":"([^"]+)"/.exec(stderr))?.[1];
    if (url !== undefined) return { ...server, url, port: Number(new URL(url).port) };
    if (over) throw new Error(`the server ended with ${await ended}: ${server.output().stderr}`);
    if (performance.now() > deadline) {
      await server.kill();
      throw new Error(`the server did not start: ${JSON.stringify(server.output())}`);
    }
    await Bun.sleep(5);
  }
}

/** Starts it where it is expected to end by itself. */
export async function serveToTheEnd(
  options: ServeOptions,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const server = spawnServer(options);
  const timer = setTimeout(() => server.signal("SIGKILL"), START_MILLISECONDS_MAX);
  const code = await server.ended;
  clearTimeout(timer);
  return { code, ...server.output() };
}

/** The bare process; {@link startServer} waits until it listens. */
export function spawnServer(options: ServeOptions): Omit<RunningServer, "url" | "port"> {
  const { data, port = 0, flags = [], environment = {}, wrapper = [] } = options;
  const command = [
    process.execPath,
    "src/cli/main.ts",
    "serve",
    "--port",
    String(port),
    "--data",
    data,
    ...flags,
  ];
  const child = Bun.spawn([...wrapper, ...command], {
    cwd: ROOT,
    env: { ...process.env, HOST: "127.0.0.1", DRAIN_MS: "50", ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const stdout = new Collector(child.stdout);
  const stderr = new Collector(child.stderr);
  const ended = Promise.all([child.exited, stdout.done, stderr.done]).then(([code]) => code);
  const signal = (name: NodeJS.Signals): void => {
    if (child.exitCode === null && child.signalCode === null) child.kill(name);
  };
  const kill = async (): Promise<void> => {
    signal("SIGKILL");
    await ended;
  };
  return {
    pid: child.pid,
    output: () => ({ stdout: stdout.text, stderr: stderr.text }),
    signal,
    ended,
    kill,
    stop: async () => {
      signal("SIGTERM");
      return ended;
    },
    [Symbol.asyncDispose]: kill,
  };
}

class Collector {
  text = "";
  readonly done: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.done = this.#read(stream);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.text += decoder.decode(chunk, { stream: true });
  }
}

/** What the person reads who cannot start it: one sentence, no stack; and exit code 1. */
export async function expectRefusal(
  options: Parameters<typeof serveToTheEnd>[0],
  about: RegExp,
): Promise<void> {
  const { code, stdout, stderr } = await serveToTheEnd(options);
  expect(stderr).toMatch(/^razonete: [^\n]+\.\n$/);
  expect(stderr).toMatch(about);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
}
