import { mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { environmentOfStack } from "../../../src/config.ts";
import { tortureBounds } from "../torture-bounds.ts";
import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import { freePorts } from "../../../src/stack/ports.ts";
import { httpProbe } from "../../../src/stack/probes.ts";
import type { Fault, FaultDone, FaultKind, Harm } from "../plan/fault.ts";
import { FaultsInProgress } from "../faults/faults-in-progress.ts";
import { audit, TORTURED_COMMANDS, type TorturedCommands } from "./cli-tools.ts";
import { freezeFor, killFor } from "../faults/process-fault-injection.ts";
import { readFileBooks } from "./read-books.ts";
import { SmallDisk, whyNoDisks } from "../faults/small-disk.ts";
import type { BooksSeen, Stage } from "./system-under-test.ts";
import { StagedProcess } from "../faults/faulted-process.ts";
import { startTogether } from "./start-processes.ts";
import { Watchdog } from "./watchdog.ts";

export interface EmbeddedStageOptions {
  /** Data and logs go into it. */
  readonly folder: string;
  readonly faultKinds: readonly FaultKind[];
  /** Altered commands in place of the program's own. */
  readonly own?: Partial<Pick<TorturedCommands, "serve" | "audit">>;
}

const LOOK_EVERY_MILLISECONDS = 50;

/** One `razonete serve` on a data folder, which is a small disk where disks are to be full. */
export class EmbeddedStage implements Stage {
  readonly url: string;
  readonly folder: string;
  readonly cannot: Stage["cannot"];
  readonly #data: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #auditCommand: readonly string[];
  readonly #faults = new FaultsInProgress();
  readonly #ledger: StagedProcess;
  readonly #disk: SmallDisk | null;
  readonly #watchdog: Watchdog;
  #stopping: Promise<void> | null = null;

  private constructor(options: EmbeddedStageOptions, path: string, port: number) {
    const commands = { ...TORTURED_COMMANDS, ...options.own };
    const parts = { run: join(path, "run"), logs: join(path, "logs") };
    this.folder = options.folder;
    this.url = `http://127.0.0.1:${port}`;
    this.#data = join(path, "ledger");
    this.#environment = { ...environmentOfStack().all, RAZONETE_STACK: path };
    this.#auditCommand = [...commands.audit, "--data", this.#data];
    for (const part of [parts.run, parts.logs, this.#data]) mkdirSync(part, { recursive: true });
    const noDisks = options.faultKinds.includes("disk") ? whyNoDisks() : null;
    this.cannot = noDisks === null ? [] : [{ kind: "disk", what: "a full disk", reason: noDisks }];
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
    this.#ledger = new StagedProcess(plan, parts);
  }

  /** @throws StartError where it cannot start; then too nothing is left behind but the folder */
  static async start(options: EmbeddedStageOptions): Promise<EmbeddedStage> {
    const [port = 0] = await freePorts(1);
    mkdirSync(join(options.folder, "embedded"), { recursive: true });
    const stage = new EmbeddedStage(options, realpathSync(join(options.folder, "embedded")), port);
    try {
      await startTogether([stage.#ledger]);
      return stage;
    } catch (error) {
      await stage.stop();
      throw error;
    }
  }

  /** `null` while it does not run. */
  get pid(): number | null {
    return this.#ledger.running ? this.#ledger.pid : null;
  }

  /** How often it has ended without being killed. */
  get endsByItself(): number {
    return this.#ledger.endsByItself;
  }

  do(fault: Fault): Promise<FaultDone> {
    return this.#faults.do(fault, () => this.#harm(fault.harm, fault.lastsMilliseconds));
  }

  async heal(): Promise<readonly RestoreReport[]> {
    await this.#faults.over();
    const deadline = performance.now() + tortureBounds.heal_milliseconds_max;
    for (;;) {
      const reason = await this.#ledger.plan.probe();
      if (reason === null) return [];
      if (performance.now() > deadline) {
        throw new Error(`the ledger does not come up by itself (${reason}): ${this.#ledger.logEnd()}`);
      }
      await Bun.sleep(LOOK_EVERY_MILLISECONDS);
    }
  }

  books(): Promise<BooksSeen> {
    return Promise.resolve(readFileBooks(join(this.#data, "razonete.db")));
  }

  audit(): Promise<string | null> {
    return audit(this.#auditCommand, this.#environment);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#faults.stop();
    await this.#ledger.stop();
    await this.#faults.over();
    this.#disk?.keep();
    await this.#watchdog.end();
  }

  async #harm(harm: Harm, milliseconds: number): Promise<string | null> {
    const alone = [this.#ledger];
    switch (harm.type) {
      case "kill":
        return killFor(this.#faults, alone, milliseconds, harm.againAfterMilliseconds);
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
        return "the embedded ledger is one process, without other servers";
    }
  }
}
