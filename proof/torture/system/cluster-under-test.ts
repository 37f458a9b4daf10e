import { StartError } from "../../../src/errors.ts";
import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import { lastLines } from "../../../src/stack/logs.ts";
import type { ProcessPlan, StackPlan } from "../../../src/stack/stack-plan.ts";
import { type Exit, logOf, spawnPlanned } from "../../../src/stack/supervised-process.ts";
import { clearGround, type Ground, layGround } from "./cluster-setup.ts";
import { type ClusterHands, harmCluster } from "../faults/cluster-fault-injection.ts";
import type { Fault, FaultDone, FaultKind } from "../plan/fault.ts";
import { FaultsInProgress } from "../faults/faults-in-progress.ts";
import { heal } from "./wait-for-recovery.ts";
import { Operator } from "./simulated-operator.ts";
import { NatsStore } from "../faults/nats-store-corruption.ts";
import { audit, restore, TORTURED_COMMANDS, type TorturedCommands } from "./cli-tools.ts";
import { readBooks } from "./read-books.ts";
import { RedisLog } from "../faults/aof-corruption.ts";
import type { BooksSeen, Stage } from "./system-under-test.ts";
import { StagedProcess } from "../faults/faulted-process.ts";
import { startTogether } from "./start-processes.ts";

export interface ClusterStageOptions {
  /** Data and logs go into it. */
  readonly folder: string;
  readonly faultKinds: readonly FaultKind[];
  /** Altered commands in place of the program's own. */
  readonly own?: Partial<TorturedCommands>;
  readonly apis?: number;
  readonly writers?: number;
  /** Takes lines for the person at the terminal. */
  readonly say: (line: string) => void;
}

/**
 * A whole cluster, each process with the command line and the configuration that `razonete stack` gives it, but for
 * what a torture needs: no supervisor (what was killed is started by the harm that killed it); proxies on the ways
 * from the APIs to Redis and NATS and from the writers to PostgreSQL; where disks are to be full, small ones in memory
 * below Redis, NATS and PostgreSQL; where its clock is to jump, a library preloaded into Redis.
 */
export class ClusterStage implements Stage {
  readonly folder: string;
  readonly #ground: Ground;
  readonly #commands: TorturedCommands;
  readonly #processes: ReadonlyMap<string, StagedProcess>;
  readonly #hands: ClusterHands;
  readonly #operator: Operator;
  #init: Bun.Subprocess | null = null;
  #stopping: Promise<void> | null = null;

  private constructor(folder: string, ground: Ground, commands: TorturedCommands) {
    const { data, plan } = ground;
    const redisLog = new RedisLog(data.redis);
    const staged = (process: ProcessPlan): [string, StagedProcess] => [
      process.name,
      new StagedProcess(process, data),
    ];
    const { haproxy, apis, redis, nats, writers, postgres } = plan;
    this.folder = folder;
    this.#ground = ground;
    this.#commands = commands;
    this.#processes = new Map([haproxy, ...apis, redis, nats, ...writers, postgres].map(staged));
    this.#operator = new Operator(apis, () => restore(commands.restore, plan.init.environment));
    this.#hands = {
      faults: new FaultsInProgress(),
      processes: this.#processes,
      links: ground.links,
      disks: ground.disks,
      clock: ground.clock,
      syncs: ground.syncs,
      natsStore: new NatsStore(data.nats),
      redisLog,
      operator: this.#operator,
    };
  }

  /**
   * Resolves when a request through HAProxy is answered.
   *
   * @throws StartError where it cannot start; then too nothing is left behind but the folder
   */
  static async start(options: ClusterStageOptions): Promise<ClusterStage> {
    const { folder, faultKinds, own = {}, apis = 2, writers = 2, say } = options;
    const commands = { ...TORTURED_COMMANDS, ...own };
    const ground = await layGround({ folder, faultKinds, apis, writers, say }, commands);
    const stage = new ClusterStage(folder, ground, commands);
    try {
      await stage.#start();
      return stage;
    } catch (error) {
      await stage.stop();
      throw error;
    }
  }

  get url(): string {
    return this.plan.url;
  }

  get cannot(): Stage["cannot"] {
    return this.#ground.cannot;
  }

  /** What runs, and its addresses: those past the proxies. */
  get plan(): StackPlan {
    return this.#ground.plan;
  }

  /** How often each process has ended without being killed, since the start. */
  get endsByThemselves(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      [...this.#processes].map(([name, { endsByItself }]) => [name, endsByItself] as const),
    );
  }

  /** What writers said that ended because books and outbox differ. */
  get alarms(): readonly { readonly process: string; readonly said: string }[] {
    return [...this.#processes].flatMap(([process, { alarm }]) =>
      alarm === null ? [] : [{ process, said: alarm }],
    );
  }

  /** Of each process that runs. */
  get pids(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      [...this.#processes].flatMap(([name, { running, pid }]) =>
        running && pid !== null ? [[name, pid]] : [],
      ),
    );
  }

  do(fault: Fault): Promise<FaultDone> {
    const { faults } = this.#hands;
    return faults.do(fault, () => harmCluster(this.#hands, fault.harm, fault.lastsMilliseconds));
  }

  async heal(): Promise<readonly RestoreReport[]> {
    await this.#hands.faults.over();
    await heal({ plan: this.plan, processes: [...this.#processes.values()], operator: this.#operator });
    return this.#operator.takeReports();
  }

  books(): Promise<BooksSeen> {
    return readBooks(this.plan.databaseUrl);
  }

  audit(): Promise<string | null> {
    return audit(this.#commands.audit, this.plan.init.environment);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#hands.faults.stop();
    this.#init?.kill("SIGKILL");
    await Promise.all([...this.#processes.values()].map((process) => process.stop()));
    await this.#hands.faults.over();
    await this.#init?.exited;
    await clearGround(this.#ground);
  }

  async #start(): Promise<void> {
    const { haproxy, apis, redis, nats, writers, postgres } = this.plan;
    const named = (plans: readonly ProcessPlan[]): StagedProcess[] =>
      plans.flatMap(({ name }) => this.#processes.get(name) ?? []);
    await startTogether(named([postgres, redis, nats]));
    await this.#runInit();
    await startTogether(named([...writers, ...apis]));
    await startTogether(named([haproxy]));
  }

  async #runInit(): Promise<void> {
    const { init } = this.plan;
    const ended = Promise.withResolvers<Exit>();
    this.#init = spawnPlanned(init, this.#ground.data, ended.resolve);
    const { code } = await ended.promise;
    this.#init = null;
    if (code !== 0) {
      const said = lastLines(logOf(init, this.#ground.data), 1);
      throw new StartError(`the ledger could not be set up: ${said}`);
    }
  }
}
