import { StartError } from "../../../src/errors.ts";
import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import { lastLines } from "../../../src/stack/logs.ts";
import { folderOf, type ProcessPlan } from "../../../src/stack/process-plan.ts";
import type { StackPlan } from "../../../src/stack/stack-plan.ts";
import { type Exit, logOf, spawnPlanned } from "../../../src/stack/supervised-process.ts";
import { tearDownCluster, type ClusterSetup, machineOf, setUpCluster } from "./cluster-setup.ts";
import { type ClusterFaultContext, injectClusterFault, named } from "../faults/cluster-fault-injection.ts";
import type { Fault, FaultRecord, FaultKind } from "../plan/fault.ts";
import { FaultsInProgress } from "../faults/faults-in-progress.ts";
import { waitForRecovery } from "./wait-for-recovery.ts";
import { SimulatedOperator } from "./simulated-operator.ts";
import { NatsStoreCorruptor } from "../faults/nats-store-corruption.ts";
import {
  COMMANDS_UNDER_TEST,
  type CommandsUnderTest,
  createKey,
  revokeKey,
  runAudit,
  runRestore,
} from "./cli-tools.ts";
import { readBooks } from "./read-books.ts";
import { AofCorruptor } from "../faults/aof-corruption.ts";
import type { BooksSnapshot, SystemUnderTest } from "./system-under-test.ts";
import { FaultedProcess } from "../faults/faulted-process.ts";
import { startProcesses } from "./start-processes.ts";
import { ONE_OF_EACH, type TortureForm } from "../plan/torture-form.ts";
import { NodeRoles } from "../nodes/node-roles.ts";
import { NodeSupervision } from "../nodes/node-supervision.ts";

export interface ClusterUnderTestOptions {
  /** For data and logs. */
  readonly folder: string;
  readonly faultKinds: readonly FaultKind[];
  /** Altered commands that replace the program's own. */
  readonly own?: Partial<CommandsUnderTest>;
  readonly apis?: number;
  readonly writers?: number;
  readonly form?: TortureForm;
  /** Takes lines for the user at the terminal. */
  readonly say: (line: string) => void;
}

/**
 * A whole cluster. Each process has the command line and the configuration that `razonete stack` gives it, except for
 * what a torture needs: no supervisor (the fault that killed a process starts it again); proxies between the APIs and
 * Redis and NATS, and between the writers and PostgreSQL; small disks in memory for Redis, NATS and PostgreSQL, if
 * disks are to be filled; and libraries preloaded into Redis that shift its clock and record what it has synced.
 */
export class ClusterUnderTest implements SystemUnderTest {
  readonly folder: string;
  readonly #setup: ClusterSetup;
  readonly #commands: CommandsUnderTest;
  readonly #processes: ReadonlyMap<string, FaultedProcess>;
  readonly #faultContext: ClusterFaultContext;
  readonly #operator: SimulatedOperator;
  /** Where there are several servers of a kind. */
  readonly #supervision: NodeSupervision | null;
  #init: Bun.Subprocess | null = null;
  readonly #stopped = new AbortController();
  #attending: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | null = null;

  private constructor(folder: string, setup: ClusterSetup, commands: CommandsUnderTest) {
    const { data, plan } = setup;
    const redisAof = new AofCorruptor(data.redis);
    const faulted = (process: ProcessPlan): [string, FaultedProcess] => [
      process.name,
      new FaultedProcess(process, data),
    ];
    const { haproxy, apis, redis, nats, writers, postgres } = plan;
    this.folder = folder;
    this.#setup = setup;
    this.#commands = commands;
    this.#processes = new Map([haproxy, ...apis, ...redis, ...nats, ...writers, ...postgres].map(faulted));
    const all = [...this.#processes.values()];
    const told = () => all.flatMap(({ refusal }) => refusal ?? []);
    const nodeUrls = plan.redisCluster?.join.places.map(({ url }) => url) ?? [];
    this.#operator = new SimulatedOperator({
      apis,
      restore: () => runRestore(commands.restore, plan.init.environment),
      told,
      nodeUrls,
    });
    this.#supervision = this.#supervise();
    const faults = new FaultsInProgress();
    this.#faultContext = {
      faults,
      nodes:
        plan.redisCluster === undefined || this.#supervision === null
          ? null
          : {
              faults,
              roles: new NodeRoles(plan, plan.redisCluster, data.path),
              supervision: this.#supervision,
              network: setup.network,
              machineOf,
              named: (names) => named(this.#processes, names),
              folderOf: (name) => folderOf(name, data),
            },
      processes: this.#processes,
      links: setup.links,
      disks: setup.disks,
      clock: setup.clock,
      fsyncRecord: setup.fsyncRecord,
      natsStore: new NatsStoreCorruptor(data.nats),
      redisAof,
      operator: this.#operator,
    };
  }

  /**
   * Resolves when a request through HAProxy is answered.
   *
   * @throws StartError if it cannot start; then, too, nothing is left behind but the folder
   */
  static async start(options: ClusterUnderTestOptions): Promise<ClusterUnderTest> {
    const { folder, faultKinds, own = {}, apis = 2, writers = 2, form = ONE_OF_EACH, say } = options;
    const commands = { ...COMMANDS_UNDER_TEST, ...own };
    const setup = await setUpCluster({ folder, faultKinds, apis, writers, form, say }, commands);
    const system = new ClusterUnderTest(folder, setup, commands);
    try {
      await system.#start();
      return system;
    } catch (error) {
      await system.stop();
      throw error;
    }
  }

  get url(): string {
    return this.plan.url;
  }

  get unsupportedFaults(): SystemUnderTest["unsupportedFaults"] {
    return this.#setup.unsupportedFaults;
  }

  /** The processes and their addresses, which bypass the proxies. */
  get plan(): StackPlan {
    return this.#setup.plan;
  }

  /** How often each process ended without being killed, since the start. */
  get unexpectedExits(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      [...this.#processes].map(([name, { unexpectedExits }]) => [name, unexpectedExits] as const),
    );
  }

  /** What writers said that ended because the books and the outbox differ. */
  get alarms(): readonly { readonly process: string; readonly said: string }[] {
    return [...this.#processes].flatMap(([process, { alarm }]) =>
      alarm === null ? [] : [{ process, said: alarm }],
    );
  }

  /** Of each running process. */
  get pids(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      [...this.#processes].flatMap(([name, { running, pid }]) =>
        running && pid !== null ? [[name, pid]] : [],
      ),
    );
  }

  inject(fault: Fault): Promise<FaultRecord> {
    const { faults } = this.#faultContext;
    return faults.run(fault, (hits) => injectClusterFault(this.#faultContext, fault, hits));
  }

  async recover(): Promise<readonly RestoreReport[]> {
    await this.#faultContext.faults.allEnded();
    await waitForRecovery({
      plan: this.plan,
      processes: [...this.#processes.values()],
      operator: this.#operator,
      missingCopies: () => this.#supervision?.missing() ?? Promise.resolve([]),
    });
    await this.#supervision?.switchBack();
    return this.#operator.takeReports();
  }

  takeCommands(): readonly string[] {
    return this.#operator.takeCommands();
  }

  books(): Promise<BooksSnapshot> {
    return readBooks(this.plan.databaseUrl);
  }

  audit(): Promise<string | null> {
    return runAudit(this.#commands.audit, this.plan.init.environment);
  }

  async createKey(name: string): Promise<string> {
    const token = await createKey(this.#commands.keys, name, this.plan.init.environment);
    this.#operator.token ??= token;
    return token;
  }

  revokeKey(name: string): Promise<void> {
    return revokeKey(this.#commands.keys, name, this.plan.init.environment);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#faultContext.faults.stop();
    this.#init?.kill("SIGKILL");
    this.#stopped.abort();
    await Promise.all([this.#supervision?.close(), this.#attending]);
    await Promise.all([...this.#processes.values()].map((process) => process.stop()));
    await this.#faultContext.faults.allEnded();
    await this.#init?.exited;
    await tearDownCluster(this.#setup);
  }

  async #start(): Promise<void> {
    const { haproxy, apis, redis, nats, writers, postgres } = this.plan;
    const start = (...plans: readonly ProcessPlan[]): Promise<void> => startProcesses(this.#planned(plans));
    if (this.#supervision === null) await start(...postgres, ...redis, ...nats);
    else {
      await Promise.all([this.#supervision.startPostgres(), start(...redis, ...nats)]);
      await this.#supervision.joinRedis();
    }
    await this.#runInit();
    await start(...writers, ...apis);
    await start(haproxy);
    // What needs a person under load is not left to the end of the round.
    if (this.#supervision !== null) this.#attending = this.#operator.attend(this.#stopped.signal);
  }

  #planned(plans: readonly ProcessPlan[]): FaultedProcess[] {
    return plans.flatMap(({ name }) => this.#processes.get(name) ?? []);
  }

  #supervise(): NodeSupervision | null {
    const { redisCluster, postgresPair, postgres, natsUrl } = this.plan;
    if (redisCluster === undefined || postgresPair === undefined) return null;
    const nodes = { redis: redisCluster, postgres: postgresPair, natsUrl };
    return new NodeSupervision(nodes, this.#planned(postgres), (line) => this.#operator.hears(line));
  }

  async #runInit(): Promise<void> {
    const { init } = this.plan;
    const ended = Promise.withResolvers<Exit>();
    this.#init = spawnPlanned(init, this.#setup.data, ended.resolve);
    const { code } = await ended.promise;
    this.#init = null;
    if (code !== 0) {
      const said = lastLines(logOf(init, this.#setup.data), 1);
      throw new StartError(`the ledger could not be set up: ${said}`);
    }
  }
}
