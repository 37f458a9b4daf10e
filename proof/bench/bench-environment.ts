import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cgroup, cgroupsMissing } from "../cgroup/cgroup.ts";
import type { StackSignals } from "../../src/stack/run-stack.ts";
import { describeMachine, syncMicroseconds } from "./machine-noise.ts";
import type { TargetLocation, BenchTarget } from "./bench-target.ts";
import { ensureWrk } from "./wrk.ts";

/** What every benchmark is given. */
export interface BenchContext {
  /** Prints a line for the person at the terminal. */
  readonly say: (line: string) => void;
  readonly signals: StackSignals;
}

/**
 * Starts and stops targets. `await using environment = new BenchEnvironment(...)` leaves nothing behind: however the
 * scope is left, it stops every target and removes its data and its control group.
 */
export class BenchEnvironment implements AsyncDisposable {
  readonly folder: string;
  readonly #targets = new Map<BenchTarget, TargetLocation>();

  /** @throws StartError if the load generator is missing and cannot be installed */
  constructor({ say, signals }: BenchContext) {
    ensureWrk();
    this.folder = mkdtempSync(join(tmpdir(), "razonete-bench-"));
    // A second Ctrl-C does not wait for targets to stop in order, but it still leaves no folder behind.
    signals.kill.addEventListener("abort", () => {
      rmSync(this.folder, { recursive: true, force: true });
      process.exit(130);
    });
    const sync = syncMicroseconds(this.folder);
    say(`${describeMachine()}; a write of 4 kB with fdatasync in ${tmpdir()} takes ${sync.toFixed(0)} µs`);
    if (sync < 20) say("That is no disk: durable costs next to nothing there, and more elsewhere.");
  }

  /** Why limits cannot be set, for a person; `null` if they can. */
  static limitsMissing(): string | null {
    return cgroupsMissing();
  }

  /**
   * Starts a target in its own folder, with all of its processes together limited to `cpus` (0: no limit).
   *
   * @param name also the name of the folder, so a target that is started again under its name finds its data
   */
  async start<T extends BenchTarget>(
    name: string,
    cpus: number,
    begin: (location: TargetLocation) => Promise<T>,
  ): Promise<T> {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    const group = cpus === 0 || cgroupsMissing() !== null ? null : Cgroup.create(name, { cpus });
    const location = { folder, group };
    try {
      const target = await begin(location);
      this.#targets.set(target, location);
      return target;
    } catch (error) {
      group?.remove();
      throw error;
    }
  }

  /** @param end stops the target; by default in order */
  async end(target: BenchTarget, end: () => Promise<void> = () => target.stop()): Promise<void> {
    await end();
    this.#targets.get(target)?.group?.remove();
    this.#targets.delete(target);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#targets.keys()].map((target) => this.end(target)));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
