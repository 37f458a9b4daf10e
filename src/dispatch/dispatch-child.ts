import { existsSync } from "node:fs";
import { bounds } from "../bounds.ts";
import { messageOf } from "../errors.ts";
import type { Log } from "../log/log.ts";

/**
 * `razonete dispatch` as a child of the embedded server, so that the server's thread sends nothing itself. It is started
 * once there is a file of webhooks, and again where it ended by itself. It ends when its standard input does, whatever
 * becomes of the server.
 */
export class DispatchChild {
  readonly #command: readonly string[];
  readonly #file: string;
  readonly #log: Log;
  readonly #timer: ReturnType<typeof setInterval>;
  #child: Bun.Subprocess<"pipe", "ignore", "inherit"> | null = null;

  #isTroubled = false;

  /** @param file of the webhooks, which need not be there */
  constructor(command: readonly string[], file: string, log: Log) {
    this.#command = command;
    this.#file = file;
    this.#log = log;
    this.#timer = setInterval(() => this.#look(), bounds.dispatch_restart_milliseconds);
    this.#look();
  }

  /** `null`: there is nothing to dispatch yet. */
  get isRunning(): boolean | null {
    if (this.#child === null) return existsSync(this.#file) ? false : null;
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const child = this.#child;
    if (child === null) return;
    await child.stdin.end();
    const kill = setTimeout(() => child.kill("SIGKILL"), bounds.dispatch_stop_milliseconds);
    await child.exited;
    clearTimeout(kill);
  }

  #look(): void {
    if (this.#child !== null) {
      const { exitCode, signalCode } = this.#child;
      if (exitCode === null && signalCode === null) return;
      this.#log.warn(`razonete dispatch ended (${signalCode ?? `code ${exitCode}`}); it is started again`);
      this.#child = null;
    }
    if (!existsSync(this.#file)) return;
    try {
      this.#child = Bun.spawn([...this.#command], { stdin: "pipe", stdout: "ignore", stderr: "inherit" });
    } catch (error) {
      // The ledger goes on all the same: as where the program was moved away while it ran, or memory is short.
      if (!this.#isTroubled) this.#log.alarm(`razonete dispatch cannot be started: ${messageOf(error)}`);
      this.#isTroubled = true;
      return;
    }
    this.#isTroubled = false;
  }
}
