import { rmSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:net";
import { freePorts } from "./free-ports.ts";

/** A server as a child process on a port of 127.0.0.1, with a temporary folder that goes with it. */

const READY_MILLISECONDS = 30_000;
const PORT_ATTEMPTS = 5;

export interface ServerOptions {
  readonly name: string;
  readonly folder: string;
  readonly command: (port: number) => readonly string[];
  /** Whether it answers; may reject while it does not. */
  readonly isReady: (port: number) => Promise<boolean>;
  readonly stopSignal: NodeJS.Signals;
  /** What the system sends it when this process dies, so that nothing outlives a test run that was killed. */
  readonly orphanSignal: string;
}

export class ServerProcess {
  readonly #options: ServerOptions;
  readonly port: number;
  #process: Bun.Subprocess<"ignore", Bun.BunFile, Bun.BunFile>;

  private constructor(options: ServerOptions, port: number) {
    this.#options = options;
    this.port = port;
    this.#process = this.#spawn();
  }

  /** Starts it on a free port. Somebody may take the port in between; then it tries another one. */
  static async start(options: ServerOptions): Promise<ServerProcess> {
    for (let attempt = 1; ; attempt += 1) {
      const [port = 0] = await freePorts(1);
      const server = new ServerProcess(options, port);
      try {
        await server.#ready();
        return server;
      } catch (error) {
        await server.kill();
        if (attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Resolves when it has ended by itself, or by {@link stop} or {@link kill}: to its exit code. */
  get exited(): Promise<number> {
    return this.#process.exited;
  }

  /** As an operator stops it: in order. */
  async stop(): Promise<void> {
    this.#process.kill(this.#options.stopSignal);
    await this.#process.exited;
  }

  /** kill -9, of the processes that it has started as well: PostgreSQL's sessions would live on for a moment. */
  async kill(): Promise<void> {
    const children = childrenOf(this.pid);
    this.#process.kill("SIGKILL");
    await this.#process.exited;
    for (const child of children) end(child);
    while (children.some(lives)) await Bun.sleep(5);
  }

  /** On the same port and folder, after {@link stop} or {@link kill}. Resolves when it is ready. */
  async start(): Promise<void> {
    this.startUnready();
    await this.#ready();
  }

  /** As {@link start}, for a server that is not expected to become ready. */
  startUnready(): void {
    // So that what it says is what this start says.
    rmSync(this.logFile, { force: true });
    this.#process = this.#spawn();
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Ends it and removes its folder. */
  async dispose(): Promise<void> {
    await this.kill();
    // A program that it started may still write there for a moment.
    rmSync(this.#options.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  #spawn() {
    const { command, orphanSignal } = this.#options;
    const log = Bun.file(this.logFile);
    return Bun.spawn([...diesWithParent(orphanSignal), ...command(this.port)], {
      cwd: this.#options.folder,
      stdin: "ignore",
      stdout: log,
      stderr: log,
    });
  }

  /** What it has said since its last start. */
  log(): Promise<string> {
    return Bun.file(this.logFile).text();
  }

  get logFile(): string {
    return join(this.#options.folder, "log");
  }

  async #ready(): Promise<void> {
    const deadline = performance.now() + READY_MILLISECONDS;
    for (;;) {
      const isReady = await this.#options.isReady(this.port).catch(() => false);
      // Also where somebody answers: that is another one, if this one has ended.
      if (this.#process.exitCode !== null)
        throw new Error(`${this.#options.name} ended: ${await this.#lastWords()}`);
      if (isReady) return;
      if (performance.now() > deadline)
        throw new Error(`${this.#options.name} is not ready: ${await this.#lastWords()}`);
      await Bun.sleep(10);
    }
  }

  async #lastWords(): Promise<string> {
    return (await this.log()).slice(-2000);
  }
}

/** In front of a command: the system ends it with this process. Linux only; elsewhere the tests' own end does. */
export function diesWithParent(signal: string): string[] {
  const setpriv = process.platform === "linux" ? Bun.which("setpriv") : null;
  return setpriv === null ? [] : [setpriv, "--pdeathsig", signal];
}

export function childrenOf(pid: number): number[] {
  const found = Bun.spawnSync(["pgrep", "-P", String(pid)])
    .stdout.toString()
    .trim();
  return found === "" ? [] : found.split("\n").map(Number);
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/**
 * What a server on the port says to `request`, as far as the first piece of it.
 *
 * @param silenceMilliseconds after which it is given up; as long as a server may stand still, where a test is about the answer
 */
export function exchange(port: number, request: string, silenceMilliseconds = 1_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.setTimeout(silenceMilliseconds, () => socket.destroy(new Error("it does not answer")));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("it closed the connection")));
    socket.once("data", (data) => {
      resolve(data.toString("latin1"));
      socket.destroy();
    });
    if (request !== "") socket.write(request, "latin1");
  });
}
