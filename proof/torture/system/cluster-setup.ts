import { copyFileSync, appendFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { environmentOfStack } from "../../../src/config.ts";
import { tortureBounds } from "../torture-bounds.ts";
import { type DataFolder, openDataFolder } from "../../../src/stack/data-folder.ts";
import { ensurePrograms } from "../../../src/stack/install-servers.ts";
import { endOrphanedProcesses } from "../../../src/stack/orphaned-processes.ts";
import { freePorts } from "../../../src/stack/ports.ts";
import { choosePostgresUser, prepareBooks } from "../../../src/stack/postgres.ts";
import {
  DEPLOY,
  planStack,
  PORTS_BESIDE_APIS,
  type ProcessPlan,
  type StackPlan,
} from "../../../src/stack/stack-plan.ts";
import { PROGRAM_NAMES } from "../../../src/stack/server-programs.ts";
import { BadLink } from "../faults/faulty-link.ts";
import type { FaultKind, Link, ProcessName } from "../plan/fault.ts";
import type { TorturedCommands } from "./cli-tools.ts";
import { RedisClock, whyNoClock } from "../faults/redis-clock.ts";
import { SmallDisk, whyNoDisks } from "../faults/small-disk.ts";
import { buildFsyncRecord, type FsyncRecord, whyNoFsyncRecord } from "../faults/power-loss.ts";
import type { Stage } from "./system-under-test.ts";
import { Watchdog } from "./watchdog.ts";

export interface GroundOptions {
  readonly folder: string;
  readonly faultKinds: readonly FaultKind[];
  readonly apis: number;
  readonly writers: number;
  readonly say: (line: string) => void;
}

/** What a cluster under torture stands on, before any of its processes runs. */
export interface Ground {
  readonly data: DataFolder;
  readonly watchdog: Watchdog;
  readonly plan: StackPlan;
  readonly links: Readonly<Record<Link, BadLink>>;
  /** By the process that works on it. */
  readonly disks: ReadonlyMap<ProcessName, SmallDisk>;
  readonly clock: RedisClock | null;
  /** What Redis has synced, from its first start on. */
  readonly syncs: FsyncRecord | null;
  readonly cannot: Stage["cannot"];
}

/** @throws StartError where servers are missing or the folder cannot be used; then too nothing is left behind */
export async function layGround(options: GroundOptions, commands: TorturedCommands): Promise<Ground> {
  const { folder, say, apis, writers } = options;
  const { all, own } = environmentOfStack();
  const programs = ensurePrograms(PROGRAM_NAMES, { path: all["PATH"] ?? "", say });
  const postgresUser = choosePostgresUser();
  const data = await openDataFolder(join(folder, "stack"), false, (run) => endOrphanedProcesses(run, say));
  const watchdog = new Watchdog(data.path);
  const links: BadLink[] = [];
  try {
    const environment = { ...all, RAZONETE_STACK: data.path };
    const noDisks = options.faultKinds.includes("disk") ? whyNoDisks() : null;
    const small = options.faultKinds.includes("disk") && noDisks === null;
    await prepareBooks({
      programs,
      user: postgresUser,
      folder: data.postgres,
      settings: small ? settingsForSmallDisk(data) : join(DEPLOY, "postgresql.conf"),
      password: data.password,
      environment,
    });
    const disks = new Map<ProcessName, SmallDisk>();
    if (small) {
      disks.set("redis", new SmallDisk(data.redis, tortureBounds.redis_disk_bytes));
      disks.set("nats", new SmallDisk(data.nats, tortureBounds.nats_disk_bytes));
      disks.set("postgres", new SmallDisk(data.postgres, tortureBounds.postgres_disk_bytes));
    }
    const noClock = options.faultKinds.includes("stop") ? whyNoClock() : null;
    const clock =
      options.faultKinds.includes("stop") && noClock === null ? new RedisClock(realpathSync(data.run)) : null;

    const disk = options.faultKinds.includes("disk");
    const noSyncs = disk ? whyNoFsyncRecord() : null;
    const syncs = disk && noSyncs === null ? buildFsyncRecord(realpathSync(data.run)) : null;

    const [port = 0, ...ports] = await freePorts(1 + PORTS_BESIDE_APIS + apis);
    const plan = planStack({
      folder: data,
      programs,
      postgresUser,
      own: commands,
      restore: null,
      port,
      apis,
      writers,
      ports,
      environment,
      ownEnvironment: own,
    });
    const link = async (url: string): Promise<BadLink> => {
      const made = await BadLink.to(url);
      links.push(made);
      return made;
    };
    const between = {
      "api-redis": await link(plan.redisUrl),
      "api-nats": await link(plan.natsUrl),
      "writer-postgres": await link(plan.databaseUrl),
    };
    return {
      data,
      watchdog,
      plan: badlyLinked(plan, between, preloaded(clock, syncs)),
      links: between,
      disks,
      clock,
      syncs,
      cannot: [
        ...(noDisks === null ? [] : [{ kind: "disk" as const, what: "full disks", reason: noDisks }]),
        ...(noClock === null
          ? []
          : [{ kind: "stop" as const, what: "jumps of Redis's clock", reason: noClock }]),
        ...(noSyncs === null
          ? []
          : [{ kind: "disk" as const, what: "loss of power at Redis", reason: noSyncs }]),
      ],
    };
  } catch (error) {
    await Promise.all(links.map((link) => link[Symbol.asyncDispose]()));
    await watchdog.end();
    data.release();
    throw error;
  }
}

/** To be called when no process runs any more. What was on the disks is kept in their folders. */
export async function clearGround({ data, watchdog, links, disks }: Ground): Promise<void> {
  await Promise.all(Object.values(links).map((link) => link[Symbol.asyncDispose]()));
  for (const disk of disks.values()) disk.keep();
  await watchdog.end();
  data.release();
}

/** The deployed settings, with a log of PostgreSQL that fits onto its disk. */
function settingsForSmallDisk(data: DataFolder): string {
  const settings = join(data.run, "postgresql.conf");
  copyFileSync(join(DEPLOY, "postgresql.conf"), settings);
  appendFileSync(settings, `\nmax_wal_size = ${tortureBounds.postgres_wal_bytes_max / 1024 / 1024}MB\n`);
  return settings;
}

/** What Redis is started with, so that its clock can be moved and its syncs are known. */
function preloaded(clock: RedisClock | null, syncs: FsyncRecord | null): Readonly<Record<string, string>> {
  const both = [clock?.environment ?? {}, syncs?.environment ?? {}];
  const libraries = both.flatMap(({ LD_PRELOAD }) => LD_PRELOAD ?? []);
  if (libraries.length === 0) return {};
  return { ...both[0], ...both[1], LD_PRELOAD: libraries.join(":") };
}

/** The same processes, with the links between them, and Redis under observation. */
function badlyLinked(
  plan: StackPlan,
  links: Readonly<Record<Link, BadLink>>,
  ofRedis: Readonly<Record<string, string>>,
): StackPlan {
  const withEnvironment = (
    planned: ProcessPlan,
    environment: Readonly<Record<string, string>>,
  ): ProcessPlan => ({ ...planned, environment: { ...planned.environment, ...environment } });
  const ofApi = {
    REDIS_URL: links["api-redis"].through(plan.redisUrl),
    NATS_URL: links["api-nats"].through(plan.natsUrl),
  };
  const ofWriter = { DATABASE_URL: links["writer-postgres"].through(plan.databaseUrl) };
  return {
    ...plan,
    // So that both decide at once all the time.
    haproxy: withEnvironment(plan.haproxy, { HAPROXY_ROUND_ROBIN: "yes" }),
    redis: withEnvironment(plan.redis, ofRedis),
    apis: plan.apis.map((api) => withEnvironment(api, ofApi)),
    writers: plan.writers.map((writer) => withEnvironment(writer, ofWriter)),
  };
}
