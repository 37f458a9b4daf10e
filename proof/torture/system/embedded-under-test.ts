import { mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { environmentOfStack } from "../../../src/config.ts";
import { tortureBounds } from "../torture-bounds.ts";
import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import { freePorts } from "../../../src/stack/ports.ts";
import { httpProbe } from "../../../src/stack/probes.ts";
import type { Fault, FaultRecord, FaultKind, FaultAction } from "../plan/fault.ts";
import { FaultsInProgress } from "../faults/faults-in-progress.ts";
import { COMMANDS_UNDER_TEST, type CommandsUnderTest, createKey, revokeKey, runAudit } from "./cli-tools.ts";
import { freezeFor, killFor } from "../faults/process-fault-injection.ts";
import { readFileBooks } from "./read-books.ts";
import { SmallDisk, whyNoDisks } from "../faults/small-disk.ts";
import type { BooksSnapshot, SystemUnderTest } from "./system-under-test.ts";
import { FaultedProcess } from "../faults/faulted-process.ts";
import { startProcesses } from "./start-processes.ts";
import { Watchdog } from "./watchdog.ts";

export interface EmbeddedUnderTestOptions {
  /** For data and logs. */
  readonly folder: string;
  readonly faultKinds: readonly FaultKind[];
  /** Altered commands that replace the program's own. */
  readonly own?: Partial<Pick<CommandsUnderTest, "serve" | "audit">>;
}

const POLL_MILLISECONDS = 50;

/** One `razonete serve` on a data folder, which is a small disk if disks are to be filled. */
export class EmbeddedUnderTest implements SystemUnderTest {
  readonly url: string;
  readonly folder: string;
  readonly unsupportedFaults: SystemUnderTest["unsupportedFaults"];
  readonly #data: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #auditCommand: readonly string[];
  readonly #faults = new FaultsInProgress();
  readonly #ledger: FaultedProcess;
  readonly #disk: SmallDisk | null;
  readonly #watchdog: Watchdog;
  #stopping: Promise<void> | null = null;

  private constructor(options: EmbeddedUnderTestOptions, path: string, port: number) {
    const commands = { ...COMMANDS_UNDER_TEST, ...options.own };
    const parts = { run: join(path, "run"), logs: join(path, "logs") };
    this.folder = options.folder;
    this.url = `http://127.0.0.1:${port}`;
    this.#data = join(path, "ledger");
    this.#environment = { ...environmentOfStack().all, RAZONETE_STACK: path };
    this.#auditCommand = [...commands.audit, "--data", this.#data];
    for (const part of [parts.run, parts.logs, this.#data]) mkdirSync(part, { recursive: true });
    const noDisks = options.faultKinds.includes("disk") ? whyNoDisks() : null;
    this.unsupportedFaults = noDisks === null ? [] : [{ kind: "disk", what: "a full disk", reason: noDisks }];
    this.#watchdog = new Watchdog(path);
    this.#disk =
      options.faultKinds.includes("disk") && noDisks === null
        ? new SmallDisk(this.#data, tortureBounds.ledger_disk_bytes)
        : null;
    const plan = {
      name: "ledger",
      kind: "api" as const,
      command: [...commands.serve, "--host", "127.0.0.1", "--port", String(port), "--data", this.#data],
      environment: this.#environment,
      probe: httpProbe(`${this.url}/readyz`),
    };
    this.#ledger = new FaultedProcess(plan, parts);
  }

  /** @throws StartError if it cannot start; then, too, nothing is left behind but the folder */
  static async start(options: EmbeddedUnderTestOptions): Promise<EmbeddedUnderTest> {
    const [port = 0] = await freePorts(1);
    mkdirSync(join(options.folder, "embedded"), { recursive: true });
    const system = new EmbeddedUnderTest(options, realpathSync(join(options.folder, "embedded")), port);
    try {
      await startProcesses([system.#ledger]);
      return system;
    } catch (error) {
      await system.stop();
      throw error;
    }
  }

  /** `null` while it does not run. */
  get pid(): number | null {
    return this.#ledger.running ? this.#ledger.pid : null;
  }

  /** How often it ended without being killed. */
  get unexpectedExits(): number {
    return this.#ledger.unexpectedExits;
  }

  inject(fault: Fault): Promise<FaultRecord> {
    return this.#faults.run(fault, () => this.#inject(fault.action, fault.lastsMilliseconds));
  }

  async recover(): Promise<readonly RestoreReport[]> {
    await this.#faults.allEnded();
    const deadline = performance.now() + tortureBounds.recovery_milliseconds_max;
    for (;;) {
      const reason = await this.#ledger.plan.probe();
      if (reason === null) return [];
      if (performance.now() > deadline) {
        throw new Error(`the ledger does not come up by itself (${reason}): ${this.#ledger.logEnd()}`);
      }
      await Bun.sleep(POLL_MILLISECONDS);
    }
  }

  books(): Promise<BooksSnapshot> {
    return Promise.resolve(readFileBooks(join(this.#data, "razonete.db")));
  }

  audit(): Promise<string | null> {
    return runAudit(this.#auditCommand, this.#environment);
  }

  createKey(name: string): Promise<string> {
    return createKey(COMMANDS_UNDER_TEST.keys, name, this.#environment, ["--data", this.#data]);
  }

  revokeKey(name: string): Promise<void> {
    return revokeKey(COMMANDS_UNDER_TEST.keys, name, this.#environment, ["--data", this.#data]);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#faults.stop();
    await this.#ledger.stop();
    await this.#faults.allEnded();
    this.#disk?.unmountKeepingFiles();
    await this.#watchdog.end();
  }

  async #inject(action: FaultAction, milliseconds: number): Promise<string | null> {
    const alone = [this.#ledger];
    switch (action.type) {
      case "kill":
        return killFor(this.#faults, alone, milliseconds, action.againAfterMilliseconds);
      case "stop":
        return freezeFor(this.#faults, alone, milliseconds);
      case "disk-full": {
        if (this.#disk === null) return "no disk can be full";
        const free = this.#disk.fill();
        await this.#faults.wait(milliseconds);
        free();
        return null;
      }
      case "cut":
      case "lose-replies":
      case "hold":
      case "clock":
      case "nats-truncated":
      case "nats-emptied":
      case "redis-power-loss":
      case "redis-cut":
      case "redis-zeroed":
      case "redis-emptied":
      case "kill-role":
      case "stop-role":
      case "folder-lost":
      case "apart":
        return "the embedded ledger is one process, without other servers";
    }
  }
}
