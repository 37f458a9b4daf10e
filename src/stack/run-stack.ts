import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { StartError } from "../errors.ts";
import { describeAccess, FIRST_KEY } from "../access/start-rules.ts";
import { firstSteps } from "../first-steps.ts";
import type { LogFormat } from "../log/log-fields.ts";
import type { Report } from "../log/report.ts";
import { connectPostgres } from "../keep/postgres-client.ts";
import {
  type Certificate,
  type CertificateFiles,
  CertificateWatch,
  readCertificate,
} from "../tls/certificate.ts";
import { serverAddresses, withNames } from "./servers/addresses.ts";
import { describeStack } from "./describe-stack.ts";
import { setCertificate } from "./haproxy-admin.ts";
import { isStackFolder, openDataFolder } from "./data-folder.ts";
import { ensurePrograms } from "./install-servers.ts";
import { endOrphanedProcesses } from "./orphaned-processes.ts";
import { choosePort, keptNodePorts, keptOtherPorts, keptPorts, OTHER_PORTS } from "./ports.ts";
import { choosePostgresUser, prepareBooks } from "./postgres.ts";
import { preparePair } from "./standby/node-folders.ts";
import { requireShards } from "./servers/books-shards.ts";
import { formOf, newForm, noteForm } from "./nodes/redis-form.ts";
import { DEPLOY } from "./process-plan.ts";
import {
  type OwnCommands,
  OWN_COMMANDS,
  planStack,
  PORTS_BESIDE_APIS,
  type StackPlan,
} from "./stack-plan.ts";
import { withConsole } from "./plan-console.ts";
import { type ObserverOptions, planObservers, targetsOf, writeObserved } from "./plan-observers.ts";
import { OBSERVER_NAMES, type ObserverName, PROGRAM_NAMES, type ProgramPaths } from "./server-programs.ts";
import { hostsOf } from "./stack-file.ts";
import { shellWord } from "./shell-word.ts";
import { stackBounds } from "./stack-bounds.ts";
import { DryRunEnded, Stack, StartInterrupted } from "./stack.ts";

/** Of `razonete restore`, as `stack` hands them on. */
interface RestoreFlags {
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly discardUnknown: boolean;
}

export interface StackOptions {
  /** The data folder, kept between runs; created if it does not exist. */
  readonly data: string;
  /** Empties `data` first. */
  readonly fresh: boolean;
  /** HAProxy's port on 127.0.0.1; 0 chooses a free one. */
  readonly port: number;
  /** 1 to `stackBounds.apis_max`. */
  readonly apis: number;
  /** 1 to `stackBounds.writers_max`: one works, the others wait to take over. Default: 1, and with replicas 2. */
  readonly writers?: number;
  /** Into how many parts the accounts are split, 1 to `bounds.shards_max`. Default: as SHARDS in `ownEnvironment`. */
  readonly shards?: number;
  /** Copies of each shard beside its primary, up to `stackBounds.replicas_max`. Default: none. */
  readonly replicas?: number;
  /** Redis servers that decide, up to `stackBounds.redis_nodes_max`. Default: 1, or as many as vote on copies. */
  readonly redisNodes?: number;
  /** Runs Prometheus, too, with what tells it of Redis and PostgreSQL. */
  readonly observe?: boolean;
  /** 0 to `stackBounds.dispatchers_max`: one sends webhooks, the others wait to take over. Default: none. */
  readonly dispatchers?: number;
  /** Of memory that Redis may use, in MB; by default half of what this machine, or its control group, has. */
  readonly redisMemory?: number;
  /** The environment of every process, including PATH. */
  readonly environment: Readonly<Record<string, string>>;
  /** Additional variables for our own processes. */
  readonly ownEnvironment: Readonly<Record<string, string>>;
  readonly own?: OwnCommands;
  /** Runs `razonete restore` with these flags before `init`; a dry run of it ends the stack. */
  readonly restore?: RestoreFlags;
  /** How its user starts the same stack with a restore: told where one is needed. */
  readonly restoreCommand: string;
  /** PostgreSQL, Redis and NATS alone. */
  readonly maintenance?: boolean;
  /** The certificate for clients; default none, and no TLS. */
  readonly tls?: CertificateFiles | null;
  /** Connections at once, and requests a second, of one address; of one access key. Default: no limits. */
  readonly addressConnections?: number | undefined;
  readonly addressRate?: number | undefined;
  readonly keyRate?: number | undefined;
  readonly say: Report;
  /** Where `say` makes objects for programs, the start is one. Default: lines for people. */
  readonly logFormat?: LogFormat;
}

export interface StackSignals {
  /** Stops the stack in order, also while it is still starting. */
  readonly stop: AbortSignal;
  /** Ends every process at once. */
  readonly kill: AbortSignal;
}

/**
 * Runs a cluster on this machine until `signals.stop`. Resolves when no process of it is left.
 *
 * @returns the exit code: 0, or that of the dry run of a restore
 * @throws StartError if it cannot start; then nothing is left running either
 */
export async function runStack(options: StackOptions, signals: StackSignals): Promise<number> {
  const { say, restore, restoreCommand, maintenance = false } = options;
  const { tls = null } = options;
  const certificate = tls === null ? null : readCertificate(tls);
  for (const warning of certificate?.warnings ?? []) say(warning);
  const install = { path: options.environment["PATH"] ?? "", say };
  const programs = ensurePrograms(PROGRAM_NAMES, install);
  const observers = options.observe === true ? ensurePrograms(OBSERVER_NAMES, install) : null;
  const postgresUser = choosePostgresUser();
  if (restore !== undefined && !isStackFolder(options.data)) {
    throw new StartError(
      `there is no stack in ${options.data}, so nothing to restore: name its folder with --data.`,
    );
  }
  const shardsOfNew = options.shards ?? Number(options.ownEnvironment["SHARDS"] || 1);
  // A start that is refused leaves nothing behind. In a folder that was used, what a killed stack left has the port yet.
  if (!isStackFolder(options.data)) {
    newForm(options, shardsOfNew);
    await choosePort(options.port);
  }
  const folder = await openDataFolder(options.data, options.fresh, (run) => endOrphanedProcesses(run, say));
  try {
    const port = await choosePort(options.port);
    const { own = OWN_COMMANDS, apis } = options;
    const form = formOf(folder, options, shardsOfNew);
    const shards = form?.shards ?? options.shards;
    const hasReplicas = (form?.replicas ?? 0) > 0;
    const writers = options.writers ?? (hasReplicas ? 2 : 1);
    const ownEnvironment =
      shards === undefined ? options.ownEnvironment : { ...options.ownEnvironment, SHARDS: String(shards) };
    // Marks each process of this stack, so that it can be recognised on the machine.
    const environment = { ...options.environment, RAZONETE_STACK: folder.path };
    const books = { programs, user: postgresUser, folder: folder.postgres, environment };
    const isNew = !existsSync(folder.postgres);
    const settings = join(DEPLOY, "postgresql.conf");
    // Two PostgreSQL have folders of their own, once they are planned.
    if (!hasReplicas) await prepareBooks({ ...books, settings, password: folder.password });
    if (!hasReplicas && shards !== undefined && !isNew) await requireShards(books, shards);
    if (form !== null) noteForm(folder, form);
    const ports = await keptPorts(join(folder.path, "ports.json"), PORTS_BESIDE_APIS + apis, [port]);
    const otherPorts = await keptOtherPorts(join(folder.path, "ports-others.json"), [port, ...ports]);
    const taken = [port, ...ports, ...OTHER_PORTS.map(otherPorts)];
    const nodePorts =
      form === null ? null : await keptNodePorts(join(folder.path, "ports-nodes.json"), taken);
    const certificateFile = join(folder.path, "certificate.pem");
    if (certificate !== null) writeCertificate(certificateFile, certificate);
    const ledger = planStack({
      certificateFile: certificate === null ? null : certificateFile,
      limits: options,
      folder,
      programs,
      postgresUser,
      own,
      restore: restore === undefined ? null : restoreFlags(restore),
      port,
      apis,
      writers,
      dispatchers: options.dispatchers ?? 0,
      shards,
      replicas: form?.replicas,
      redisNodes: form?.primaries,
      nodePorts,
      redisMegabytes: options.redisMemory ?? defaultRedisMegabytes(),
      ports,
      otherPorts,
      environment,
      ownEnvironment,
    });
    if (ledger.postgresPair !== undefined) await preparePair(ledger.postgresPair);
    const beside = { ports: otherPorts, environment };
    // A test may have no stand-in for the console.
    const shown =
      own.console.length === 0 ? ledger : withConsole({ plan: ledger, own, ownEnvironment, ...beside });
    const plan = observers === null ? shown : observed(shown, observers, { folder, ...beside });
    const stack = new Stack(plan, folder, say, undefined, restoreCommand);
    const watch =
      tls === null
        ? null
        : new CertificateWatch(
            tls,
            async (next) => {
              // First the file, which HAProxy reads where it is started again.
              writeCertificate(certificateFile, next);
              if (plan.haproxyAdmin === null) throw new Error(NO_ADMIN);
              await setCertificate(plan.haproxyAdmin, certificateFile, pemOf(next));
            },
            say,
          );
    const onKill = (): void => stack.kill();
    signals.kill.addEventListener("abort", onKill);
    try {
      if (maintenance) {
        await stack.startMaintenance(signals.stop);
        for (const line of maintenanceLines(plan, folder.operatorFile)) say(line);
        await aborted(signals.stop);
        return 0;
      }
      await stack.start(signals.stop);
      // Since this process began.
      const seconds = (performance.now() / 1000).toFixed(1);
      const { hasInitialAccounts, hasKeys } = await lookIntoBooks(plan.databaseUrl);
      const create = `npm run razonete -- keys create --stack ${shellWord(folder.path)} ${FIRST_KEY}`;
      const access = describeAccess(hasKeys, create);
      const banner = [
        `Razonete listens on ${plan.url}, ready after ${seconds} s. Data, durable, and logs: ${folder.path}`,
        ...describeStack(plan),
        ...access,
        ...firstSteps(plan.url, hasInitialAccounts, hasKeys),
        "Ctrl-C stops everything; the data stays.",
      ];
      if (options.logFormat === "json") {
        const about = { data: folder.path, access: access.map((line) => line.trim()).join(" ") };
        say("listening", { url: plan.url, ...about });
      } else for (const line of banner) say(line);
      await aborted(signals.stop);
      return 0;
    } catch (error) {
      if (error instanceof DryRunEnded) return error.exitCode;
      if (error instanceof StartInterrupted) return 0;
      if (!(error instanceof StartError)) throw error;
      throw new StartError(withNames(error.message, serverAddresses(plan)));
    } finally {
      watch?.close();
      await stack.stop();
      signals.kill.removeEventListener("abort", onKill);
    }
  } finally {
    folder.release();
  }
}

function observed(
  plan: StackPlan,
  programs: ProgramPaths<ObserverName>,
  where: Pick<ObserverOptions, "folder" | "ports" | "environment">,
): StackPlan {
  writeObserved(where.folder, targetsOf(plan, where.ports));
  const observers = planObservers({ plan, programs, ...where });
  return {
    ...plan,
    others: [...plan.others, ...observers],
    prometheusUrl: `http://127.0.0.1:${where.ports("prometheus")}`,
  };
}

const NO_ADMIN = "the data folder is too deep for HAProxy's socket: start the stack again to show it.";

/** HAProxy wants both in one file. */
function pemOf({ cert, key }: Certificate): string {
  return `${cert.trimEnd()}\n${key.trimEnd()}\n`;
}

function writeCertificate(file: string, certificate: Certificate): void {
  rmSync(`${file}.next`, { force: true });
  writeFileSync(`${file}.next`, pemOf(certificate), { mode: 0o600 });
  renameSync(`${file}.next`, file);
}

/** Half: while Redis rewrites its log, it may need a copy of most of what it holds. */
function defaultRedisMegabytes(): number {
  const megabytes = Math.min(totalmem(), process.constrainedMemory() || Infinity) / 2 / 2 ** 20;
  return Math.max(Math.floor(megabytes), stackBounds.redis_megabytes_min);
}

function restoreFlags({ yes, dryRun, discardUnknown }: RestoreFlags): string[] {
  return [
    ...(yes ? ["--yes"] : []),
    ...(dryRun ? ["--dry-run"] : []),
    ...(discardUnknown ? ["--discard-unknown"] : []),
  ];
}

function maintenanceLines(plan: StackPlan, operatorFile: string): string[] {
  return [
    "PostgreSQL, Redis and NATS run, and nothing that uses them:",
    `  postgres  ${hostsOf(plan.databaseUrl)}`,
    `  redis     ${hostsOf(plan.redisUrl)}`,
    `  nats      ${hostsOf(plan.natsUrl)}`,
    `Their URLs and passwords, for a shell: . ${operatorFile}`,
    "Ctrl-C stops everything; the data stays.",
  ];
}

/** The data may be from before the option was given, or the other way round: so the books are asked. */
async function lookIntoBooks(url: string): Promise<{ hasInitialAccounts: boolean; hasKeys: boolean }> {
  const sql = connectPostgres({ url, name: "razonete stack", connections_max: 1 });
  const nothing = { hasInitialAccounts: false, hasKeys: false };
  try {
    const [found] = await sql<(typeof nothing)[]>`
      SELECT EXISTS (SELECT FROM accounts WHERE account = '1') AS "hasInitialAccounts",
        EXISTS (SELECT FROM access_keys) AS "hasKeys"`;
    return found ?? nothing;
  } catch {
    return nothing;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
