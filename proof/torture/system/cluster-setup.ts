import { appendFileSync, copyFileSync, mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { environmentOfStack } from "../../../src/config.ts";
import { tortureBounds } from "../torture-bounds.ts";
import { type DataFolder, openDataFolder } from "../../../src/stack/data-folder.ts";
import { ensurePrograms } from "../../../src/stack/install-servers.ts";
import { endOrphanedProcesses } from "../../../src/stack/orphaned-processes.ts";
import { wantedForm } from "../../../src/stack/nodes/redis-form.ts";
import { preparePair } from "../../../src/stack/standby/node-folders.ts";
import { freePorts, keptNodePorts } from "../../../src/stack/ports.ts";
import { choosePostgresUser, prepareBooks } from "../../../src/stack/postgres.ts";
import { DEPLOY, type ProcessPlan } from "../../../src/stack/process-plan.ts";
import { planStack, PORTS_BESIDE_APIS, type StackPlan } from "../../../src/stack/stack-plan.ts";
import { PROGRAM_NAMES } from "../../../src/stack/server-programs.ts";
import { MachineNetwork, whyNoMachines } from "../nodes/machine-network.ts";
import { FaultyLink } from "../faults/faulty-link.ts";
import type { FaultKind, Link, ProcessName } from "../plan/fault.ts";
import type { TortureForm } from "../plan/torture-form.ts";
import type { CommandsUnderTest } from "./cli-tools.ts";
import { RedisClock, whyNoClock } from "../faults/redis-clock.ts";
import { SmallDisk, whyNoDisks } from "../faults/small-disk.ts";
import { buildFsyncRecord, type FsyncRecord, whyNoFsyncRecord } from "../faults/power-loss.ts";
import type { SystemUnderTest } from "./system-under-test.ts";
import { Watchdog } from "./watchdog.ts";

export interface ClusterSetupOptions {
  readonly folder: string;
  readonly faultKinds: readonly FaultKind[];
  readonly apis: number;
  readonly writers: number;
  readonly form: TortureForm;
  readonly say: (line: string) => void;
}

/** What a cluster under test needs before any of its processes starts: folders, disks, proxies, the plan. */
export interface ClusterSetup {
  readonly data: DataFolder;
  readonly watchdog: Watchdog;
  readonly plan: StackPlan;
  /** None where there are several servers of a kind. */
  readonly links: ReadonlyMap<Link, FaultyLink>;
  /** By the process that uses it. */
  readonly disks: ReadonlyMap<ProcessName, SmallDisk>;
  /** Between the nodes of Redis, where there are several and it can be cut. */
  readonly network: MachineNetwork | null;
  readonly clock: RedisClock | null;
  /** What Redis has synced since its first start. */
  readonly fsyncRecord: FsyncRecord | null;
  readonly unsupportedFaults: SystemUnderTest["unsupportedFaults"];
}

/** @throws StartError if servers are missing or the folder cannot be used; then, too, nothing is left behind */
export async function setUpCluster(
  options: ClusterSetupOptions,
  commands: CommandsUnderTest,
): Promise<ClusterSetup> {
  const { folder, say, apis, writers, form } = options;
  const isMany = form.replicas > 0;
  const { all, own } = environmentOfStack();
  const programs = ensurePrograms(PROGRAM_NAMES, { path: all["PATH"] ?? "", say });
  const postgresUser = choosePostgresUser();
  const data = await openDataFolder(join(folder, "stack"), false, (run) => endOrphanedProcesses(run, say));
  const watchdog = new Watchdog(data.path);
  const links: FaultyLink[] = [];
  let network: MachineNetwork | null = null;
  try {
    const environment = { ...all, RAZONETE_STACK: data.path };
    const disk = options.faultKinds.includes("disk") && !isMany;
    const noDisks = disk ? whyNoDisks() : null;
    const small = disk && noDisks === null;
    const books = {
      programs,
      user: postgresUser,
      folder: data.postgres,
      settings: small ? settingsForSmallDisk(data) : join(DEPLOY, "postgresql.conf"),
      password: data.password,
      environment,
    };
    if (!isMany) await prepareBooks(books);
    const disks = new Map<ProcessName, SmallDisk>();
    if (small) {
      for (const made of [data.redis, data.nats]) mkdirSync(made, { recursive: true });
      disks.set("redis", new SmallDisk(data.redis, tortureBounds.redis_disk_bytes));
      disks.set("nats", new SmallDisk(data.nats, tortureBounds.nats_disk_bytes));
      disks.set("postgres", new SmallDisk(data.postgres, tortureBounds.postgres_disk_bytes));
    }
    const jumps = options.faultKinds.includes("stop") && !isMany;
    const noClock = jumps ? whyNoClock() : null;
    const clock = jumps && noClock === null ? new RedisClock(realpathSync(data.run)) : null;

    const noSyncs = disk ? whyNoFsyncRecord() : null;
    const fsyncRecord = disk && noSyncs === null ? buildFsyncRecord(realpathSync(data.run)) : null;

    const noMachines = isMany && options.faultKinds.includes("net") ? whyNoMachines() : null;
    if (isMany && options.faultKinds.includes("net") && noMachines === null)
      network = new MachineNetwork(MACHINES, data.path);
    const hosts = network;

    const [port = 0, ...ports] = await freePorts(1 + PORTS_BESIDE_APIS + apis);
    const nodes = wantedForm(form, form.shards);
    const nodePorts =
      nodes === null ? null : await keptNodePorts(join(data.path, "ports-nodes.json"), [port, ...ports]);
    const plan = planStack({
      folder: data,
      programs,
      postgresUser,
      own: commands,
      restore: null,
      port,
      apis,
      writers,
      redisMegabytes: null,
      ports,
      shards: form.shards,
      replicas: nodes?.replicas,
      redisNodes: nodes?.primaries,
      nodePorts,
      ...(hosts === null ? {} : { redisHost: (place: number) => hosts.hostOf(place % MACHINES) }),
      environment,
      ownEnvironment: { ...own, SHARDS: String(form.shards) },
    });
    if (plan.postgresPair !== undefined) await preparePair(plan.postgresPair);
    const link = async (url: string): Promise<FaultyLink> => {
      const made = await FaultyLink.to(url);
      links.push(made);
      return made;
    };
    const between = new Map<Link, FaultyLink>();
    if (!isMany) {
      between.set("api-redis", await link(plan.redisUrl));
      between.set("api-nats", await link(plan.natsUrl));
      between.set("writer-postgres", await link(plan.databaseUrl));
    }
    return {
      data,
      watchdog,
      network,
      plan: withFaultyLinks(onMachines(plan, network), between, preloaded(clock, fsyncRecord)),
      links: between,
      disks,
      clock,
      fsyncRecord,
      unsupportedFaults: [
        ...(noDisks === null ? [] : [{ kind: "disk" as const, what: "full disks", reason: noDisks }]),
        ...(noClock === null
          ? []
          : [{ kind: "stop" as const, what: "jumps of Redis's clock", reason: noClock }]),
        ...(noMachines === null
          ? []
          : [{ kind: "net" as const, what: "cuts between machines", reason: noMachines }]),
        ...(noSyncs === null
          ? []
          : [{ kind: "disk" as const, what: "loss of power at Redis", reason: noSyncs }]),
      ],
    };
  } catch (error) {
    network?.remove();
    await Promise.all(links.map((link) => link[Symbol.asyncDispose]()));
    await watchdog.end();
    data.release();
    throw error;
  }
}

/** Call it when no process runs any more. The contents of the disks stay in their folders. */
export async function tearDownCluster({
  data,
  watchdog,
  links,
  disks,
  network,
}: ClusterSetup): Promise<void> {
  await Promise.all([...links.values()].map((link) => link[Symbol.asyncDispose]()));
  for (const disk of disks.values()) disk.unmountKeepingFiles();
  network?.remove();
  await watchdog.end();
  data.release();
}

/** The deployed settings, with a write-ahead log that fits onto PostgreSQL's small disk. */
function settingsForSmallDisk(data: DataFolder): string {
  const settings = join(data.run, "postgresql.conf");
  copyFileSync(join(DEPLOY, "postgresql.conf"), settings);
  appendFileSync(settings, `\nmax_wal_size = ${tortureBounds.postgres_wal_bytes_max / 1024 / 1024}MB\n`);
  return settings;
}

/** As many as there are primaries: the stack places its nodes as if they were on so many. */
const MACHINES = 3;

export function machineOf(name: ProcessName): number {
  return (Number(name.replace("redis-", "")) - 1) % MACHINES;
}

/** The same nodes of Redis, each on its machine. */
function onMachines(plan: StackPlan, network: MachineNetwork | null): StackPlan {
  if (network === null) return plan;
  const redis = plan.redis.map((node, place) => ({
    ...node,
    command: network.commandOn(place % MACHINES, node.command),
  }));
  return { ...plan, redis };
}

/** Redis's environment, so that its clock can be shifted and its syncs are recorded. */
function preloaded(
  clock: RedisClock | null,
  fsyncRecord: FsyncRecord | null,
): Readonly<Record<string, string>> {
  const both = [clock?.environment ?? {}, fsyncRecord?.environment ?? {}];
  const libraries = both.flatMap(({ LD_PRELOAD }) => LD_PRELOAD ?? []);
  if (libraries.length === 0) return {};
  return { ...both[0], ...both[1], LD_PRELOAD: libraries.join(":") };
}

/** The same processes, connected through the faulty links; Redis with its preloaded libraries. */
function withFaultyLinks(
  plan: StackPlan,
  links: ReadonlyMap<Link, FaultyLink>,
  ofRedis: Readonly<Record<string, string>>,
): StackPlan {
  const withEnvironment = (
    planned: ProcessPlan,
    environment: Readonly<Record<string, string>>,
  ): ProcessPlan => ({ ...planned, environment: { ...planned.environment, ...environment } });
  const through = (name: Link, setting: string, url: string): Record<string, string> => {
    const link = links.get(name);
    return link === undefined ? {} : { [setting]: link.through(url) };
  };
  const ofApi = {
    ...through("api-redis", "REDIS_URL", plan.urlsOf.api.redisUrl),
    ...through("api-nats", "NATS_URL", plan.urlsOf.api.natsUrl),
  };
  const ofWriter = through("writer-postgres", "DATABASE_URL", plan.urlsOf.writer.databaseUrl);
  return {
    ...plan,
    // So that both APIs decide at the same time, always.
    haproxy: withEnvironment(plan.haproxy, { HAPROXY_ROUND_ROBIN: "yes" }),
    redis: plan.redis.map((redis) => withEnvironment(redis, ofRedis)),
    apis: plan.apis.map((api) => withEnvironment(api, ofApi)),
    writers: plan.writers.map((writer) => withEnvironment(writer, ofWriter)),
  };
}
