import { stackBounds } from "./stack-bounds.ts";
import { messageOf, StartError } from "../errors.ts";
import type { Report } from "../log/report.ts";
import type { DataFolder } from "./data-folder.ts";
import { rotateLog, boundLog, lastLines } from "./logs.ts";
import { addressOf, serverAddresses, withNames } from "./servers/addresses.ts";
import { adviseOnNodes } from "./nodes/advise-on-nodes.ts";
import { joinNodes } from "./nodes/join.ts";
import { UndecidedWatch } from "./nodes/undecided.ts";
import { RedisWatch } from "./nodes/watch.ts";
import { outboxLength } from "./probes.ts";
import type { ProcessPlan, Serves } from "./process-plan.ts";
import type { StackPlan } from "./stack-plan.ts";
import {
  type DescribedProcess,
  hostsOf,
  removeStackFile,
  writeOperatorFile,
  writeStackFile,
} from "./stack-file.ts";
import { PostgresPair } from "./standby/postgres-pair.ts";
import { type Exit, logOf, spawnAtTerminal, spawnPlanned, SupervisedProcess } from "./supervised-process.ts";

const PROBE_PAUSE_MILLISECONDS = 50;
const REPORT_EVERY_MILLISECONDS = 5_000;
const LOGS_BOUNDED_EVERY_MILLISECONDS = 10_000;
/** If a process crashes at once this many times in a row during the start, the start is given up. */
const CRASHES_AT_START_MAX = 5;

/** The stack was stopped while it was still starting. */
export class StartInterrupted extends Error {}

/** A dry run of the restore has ended, and the stack is not to start. */
export class DryRunEnded extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super("the dry run has ended");
    this.exitCode = exitCode;
  }
}

/**
 * All processes of one cluster on this machine.
 *
 * The start has these steps, and each waits until the one before is ready: PostgreSQL, Redis and NATS; `init`, which
 * ends by itself; writers and APIs; HAProxy. What no transaction needs (the plan's `others`) is started before HAProxy, and
 * not waited for. After that stack.json exists. Every process that ends is started again on
 * its own (supervised-process.ts): the others can wait for it.
 *
 * The stop has the opposite order. No process is stopped while another one that needs it still runs. HAProxy accepts no
 * more requests and completes those it has; what no transaction needs stops; the APIs complete their work; the writers get time to keep what is in the
 * outbox; then NATS, Redis and PostgreSQL stop. What is not kept by then is not lost: it stays in the outbox in Redis,
 * and is kept after the next start.
 */
export class Stack {
  readonly #plan: StackPlan;
  readonly #folder: DataFolder;
  readonly #say: Report;
  readonly #restoreCommand: string;
  readonly #onReady: (name: string, milliseconds: number) => void;
  readonly #haproxy: SupervisedProcess;
  readonly #apis: readonly SupervisedProcess[];
  readonly #redis: readonly SupervisedProcess[];
  readonly #nats: readonly SupervisedProcess[];
  readonly #writers: readonly SupervisedProcess[];
  readonly #postgres: readonly SupervisedProcess[];
  /** Where there are two, of which one follows the other. */
  readonly #postgresPair: PostgresPair | null;
  readonly #others: readonly SupervisedProcess[];
  /** The process that runs to its end during the start: `restore` or `init`. */
  #oneShot: Bun.Subprocess | null = null;
  #boundingLogs: Timer | null = null;
  /** Where Redis is several nodes. */
  readonly #watch: RedisWatch | null;
  readonly #undecided: UndecidedWatch | null;
  /** Whether stack.json exists. */
  #described = false;

  /**
   * @param say prints a line for the person at the terminal
   * @param onReady called for each process that becomes ready, with the time since its own start
   * @param restoreCommand how its user starts this stack with a restore: told where one is needed
   */
  constructor(
    plan: StackPlan,
    folder: DataFolder,
    say: Report,
    onReady: (name: string, milliseconds: number) => void = () => {},
    restoreCommand = "npm run stack -- --restore",
  ) {
    this.#plan = plan;
    this.#folder = folder;
    const addresses = serverAddresses(plan);
    this.#say = (line, about) => say(withNames(line, addresses), about);
    this.#restoreCommand = restoreCommand;
    this.#onReady = onReady;
    const supervised = (process: ProcessPlan): SupervisedProcess =>
      new SupervisedProcess(process, folder, this.#say, () => this.#describe());
    this.#haproxy = supervised(plan.haproxy);
    this.#apis = plan.apis.map(supervised);
    this.#redis = plan.redis.map(supervised);
    this.#nats = plan.nats.map(supervised);
    this.#writers = plan.writers.map(supervised);
    this.#postgres = plan.postgres.map(supervised);
    this.#postgresPair =
      plan.postgresPair === undefined
        ? null
        : new PostgresPair(plan.postgresPair, this.#postgres, this.#say, () => this.#describe());
    this.#others = plan.others.map(supervised);
    this.#watch =
      plan.redisCluster === undefined
        ? null
        : new RedisWatch(
            plan.redisCluster.join,
            this.#say,
            () => this.#describe(),
            () => this.#postgresPair?.isWhole ?? true,
          );
    this.#undecided =
      plan.redisCluster === undefined
        ? null
        : new UndecidedWatch(plan.apis, this.#say, (shard) => this.#adviseOn(shard));
  }

  /**
   * Resolves when a request through HAProxy is answered. `stop` has to be called even after a rejection.
   *
   * @throws StartError if a process does not start
   * @throws StartInterrupted if `interrupted` is aborted before
   * @throws DryRunEnded after a dry run of the restore
   */
  async start(interrupted: AbortSignal): Promise<void> {
    await this.#startServers(interrupted);
    await this.#runRestore(interrupted);
    await this.#runInit(interrupted);
    await this.#startTogether([...this.#writers, ...this.#apis], interrupted);
    for (const process of this.#others) process.start();
    await this.#startTogether([this.#haproxy], interrupted);
    this.#described = true;
    this.#describe();
    this.#undecided?.start();
  }

  /** PostgreSQL, Redis and NATS alone, for work on their data. Otherwise as {@link start}. */
  async startMaintenance(interrupted: AbortSignal): Promise<void> {
    await this.#startServers(interrupted);
    this.#described = true;
    this.#describe();
  }

  async #startServers(interrupted: AbortSignal): Promise<void> {
    for (const { plan } of this.#all()) rotateLog(logOf(plan, this.#folder));
    rotateLog(logOf(this.#plan.init, this.#folder));
    this.#boundingLogs = setInterval(() => this.#boundLogs(), LOGS_BOUNDED_EVERY_MILLISECONDS);

    const pair = this.#postgresPair;
    await Promise.all([
      pair === null ? this.#startTogether(this.#postgres, interrupted) : this.#startPair(pair, interrupted),
      this.#startTogether([...this.#redis, ...this.#nats], interrupted),
    ]);
    await this.#joinRedis(interrupted);
  }

  /** Several nodes of Redis become one cluster, or are one again. */
  async #joinRedis(interrupted: AbortSignal): Promise<void> {
    const { redisCluster } = this.#plan;
    if (redisCluster === undefined) return;
    const deadline = performance.now() + stackBounds.start_milliseconds_max;
    for (;;) {
      const missing = await joinNodes(redisCluster.join, REPORT_EVERY_MILLISECONDS, interrupted);
      if (interrupted.aborted) throw new StartInterrupted();
      if (missing === null) break;
      if (performance.now() > deadline)
        throw new StartError(`the nodes of Redis do not become one cluster: ${missing}`);
      this.#say(`Waiting for the nodes of Redis: ${missing}`);
      this.#writeOperatorFile();
    }
    this.#watch?.start();
  }

  /** Resolves when no process is left. */
  async stop(): Promise<void> {
    if (this.#oneShot !== null) this.#oneShot.kill();
    await this.#undecided?.stop();
    await this.#haproxy.stop();
    await stopAll(this.#others);
    await stopAll(this.#apis);
    await this.#keepOutbox();
    await stopAll(this.#writers);
    await stopAll(this.#nats);
    await this.#watch?.stop();
    await stopAll(this.#redis);
    await this.#postgresPair?.close();
    await stopAll(this.#postgres);
    if (this.#oneShot !== null) await this.#oneShot.exited;
    if (this.#boundingLogs !== null) clearInterval(this.#boundingLogs);
    this.#described = false;
    for (const file of [this.#folder.stackFile, this.#folder.operatorFile]) removeStackFile(file);
  }

  /** Ends everything at once; a `stop` in progress resolves soon after. */
  kill(): void {
    this.#oneShot?.kill("SIGKILL");
    this.#postgresPair?.close().catch(() => {});
    for (const process of this.#all()) process.kill();
  }

  async #startPair(pair: PostgresPair, interrupted: AbortSignal): Promise<void> {
    if (interrupted.aborted) throw new StartInterrupted();
    const startedAt = performance.now();
    await pair.start(interrupted);
    if (interrupted.aborted) throw new StartInterrupted();
    for (const { plan } of this.#postgres) this.#onReady(plan.name, performance.now() - startedAt);
  }

  async #startTogether(processes: readonly SupervisedProcess[], interrupted: AbortSignal): Promise<void> {
    for (const process of processes) {
      if (interrupted.aborted) throw new StartInterrupted();
      process.start();
    }
    await Promise.all(processes.map((process) => this.#untilReady(process, interrupted)));
  }

  async #untilReady(process: SupervisedProcess, interrupted: AbortSignal): Promise<void> {
    const { name, probe } = process.plan;
    let startedAt = performance.now();
    let reportedAt = startedAt;
    for (;;) {
      const reason = process.running ? await probe() : "it does not run";
      if (interrupted.aborted) throw new StartInterrupted();
      const now = performance.now();
      if (reason === null && process.running) {
        this.#onReady(name, now - startedAt);
        return;
      }
      if (process.needsPerson) {
        // Who has been told what to do needs the passwords for it, and has time.
        this.#writeOperatorFile();
        startedAt = now;
        reportedAt = now;
      }
      if (process.crashesInARow >= CRASHES_AT_START_MAX) {
        throw new StartError(`${name} does not start. ${process.lastWords()}`);
      }
      if (now - startedAt > stackBounds.start_milliseconds_max) {
        throw new StartError(`${name} does not get ready: ${reason}. ${process.lastWords()}`);
      }
      if (now - reportedAt > REPORT_EVERY_MILLISECONDS) {
        reportedAt = now;
        this.#say(`Waiting for ${name}: ${reason}`);
      }
      await Bun.sleep(PROBE_PAUSE_MILLISECONDS);
    }
  }

  async #runRestore(interrupted: AbortSignal): Promise<void> {
    if (this.#plan.restore === null) return;
    const exit = await this.#runOneShot(this.#plan.restore, spawnAtTerminal, interrupted);
    if (this.#plan.restore.command.includes("--dry-run")) throw new DryRunEnded(exit.code ?? 1);
    if (exit.code !== 0) throw new StartError("the ledger was not restored, so it was not started.");
  }

  /** Resolves when the process has ended; a stop of the stack ends it as well. */
  async #runOneShot(plan: ProcessPlan, spawn: typeof spawnPlanned, interrupted: AbortSignal): Promise<Exit> {
    if (interrupted.aborted) throw new StartInterrupted();
    const ended = Promise.withResolvers<Exit>();
    try {
      this.#oneShot = spawn(plan, this.#folder, ended.resolve);
    } catch (error) {
      throw new StartError(`${plan.name} cannot be started (${messageOf(error)}).`);
    }
    const exit = await ended.promise;
    this.#oneShot = null;
    if (interrupted.aborted) throw new StartInterrupted();
    return exit;
  }

  async #runInit(interrupted: AbortSignal): Promise<void> {
    const exit = await this.#runOneShot(this.#plan.init, spawnPlanned, interrupted);
    if (exit.code !== 0) {
      const said = lastLines(logOf(this.#plan.init, this.#folder), 1).replace(/^razonete: /, "");
      const hint = said.includes("razonete restore") ? ` For a stack that is: ${this.#restoreCommand}` : "";
      throw new StartError(`the ledger could not be set up: ${said}${hint}`);
    }
  }

  /** Waits until the books have everything that was answered, as long as a writer and PostgreSQL run. */
  async #keepOutbox(): Promise<void> {
    const deadline = performance.now() + stackBounds.keep_milliseconds_max;
    const canKeep = (): boolean =>
      this.#postgres.some(({ running }) => running) && this.#writers.some(({ running }) => running);
    let length = 0;
    do {
      if (!this.#redis.some(({ running }) => running)) return;
      try {
        length = await outboxLength(this.#plan.redisUrl);
      } catch {
        // Redis has just ended, or is still loading its data: what it holds is on disk.
        return;
      }
      if (length === 0) return;
      await Bun.sleep(PROBE_PAUSE_MILLISECONDS);
    } while (canKeep() && performance.now() < deadline);
    const when = this.#writers.some(({ needsPerson }) => needsPerson)
      ? "once the cause of the writer's alarm is gone"
      : "after the next start";
    this.#say(
      `Not in the books yet: ${length} ${length === 1 ? "batch" : "batches"}, safe in Redis, to be kept ${when}.`,
    );
  }

  /** In the order in which they are listed in stack.json. */
  #all(): SupervisedProcess[] {
    return [
      this.#haproxy,
      ...this.#apis,
      ...this.#redis,
      ...this.#nats,
      ...this.#writers,
      ...this.#postgres,
      ...this.#others,
    ];
  }

  #describe(): void {
    if (!this.#described) return;
    const { url, databaseUrl, redisUrl, natsUrl, metrics: targets, prometheusUrl } = this.#plan;
    const metrics = targets.map(({ process, address }) => ({ process, url: `http://${address}/metrics` }));
    const processes = this.#all().flatMap(({ plan, pid }) =>
      pid === null
        ? []
        : [{ name: plan.name, pid, address: addressOf(plan, this.#plan), ...this.#roleOf(plan) }],
    );
    try {
      writeStackFile(this.#folder.stackFile, {
        url,
        processes,
        databaseUrl,
        redisUrl,
        natsUrl,
        metrics,
        ...(prometheusUrl === null ? {} : { prometheusUrl }),
      });
      this.#writeOperatorFile();
    } catch (error) {
      // The processes matter more than their description, which is written anew at the next start of one.
      this.#say(`stack.json could not be written: ${messageOf(error)}.`);
    }
  }

  #writeOperatorFile(): void {
    writeOperatorFile(this.#folder.operatorFile, this.#plan);
  }

  #roleOf({ name, serves }: ProcessPlan): Pick<DescribedProcess, "role" | "shards"> | undefined {
    const role = this.#postgresPair?.roleOf(name);
    return role === undefined ? (this.#servesNow(name) ?? serves) : { role };
  }

  #servesNow(name: string): Serves | undefined {
    const node = this.#plan.redisCluster?.nodes.find((each) => each.name === name);
    return node === undefined ? undefined : this.#watch?.servesOf(hostsOf(node.urlOf("", "")));
  }

  /** @param shard null: all */
  #adviseOn(shard: number | null): Promise<string | null> {
    const nodes = this.#redis.filter(({ plan }) => {
      const { shards = [] } = this.#servesNow(plan.name) ?? plan.serves ?? {};
      // One that has none was replaced, and may be the copy that the shard lacks.
      return shard === null || shards.length === 0 || shards.includes(shard);
    });
    return adviseOnNodes(nodes);
  }

  #boundLogs(): void {
    try {
      for (const { plan } of this.#all()) boundLog(logOf(plan, this.#folder));
    } catch (error) {
      this.#say(`the logs could not be bounded: ${messageOf(error)}.`);
    }
  }
}

async function stopAll(processes: readonly SupervisedProcess[]): Promise<void> {
  await Promise.all(processes.map((process) => process.stop()));
}
