import { join } from "node:path";
import { openDataFolder } from "./data-folder.ts";
import { ensurePrograms } from "./install-servers.ts";
import { endOrphanedProcesses } from "./orphaned-processes.ts";
import { choosePort, keptPorts } from "./ports.ts";
import { choosePostgresUser, prepareBooks } from "./postgres.ts";
import { DEPLOY, type OwnCommands, OWN_COMMANDS, planStack, PORTS_BESIDE_APIS } from "./stack-plan.ts";
import { PROGRAM_NAMES } from "./server-programs.ts";
import { Stack, StartInterrupted } from "./stack.ts";

export interface StackOptions {
  /** The data folder, kept between runs; created if it does not exist. */
  readonly data: string;
  /** Empties `data` first. */
  readonly fresh: boolean;
  /** HAProxy's port on 127.0.0.1; 0 chooses a free one. */
  readonly port: number;
  /** 1 to `stackBounds.apis_max`. */
  readonly apis: number;
  /** 1 to `stackBounds.writers_max`: one works, the others wait to take over. */
  readonly writers: number;
  /** The environment of every process, including PATH. */
  readonly environment: Readonly<Record<string, string>>;
  /** Additional variables for our own processes. */
  readonly ownEnvironment: Readonly<Record<string, string>>;
  readonly own?: OwnCommands;
  /** Runs `razonete restore` with these flags before `init`. */
  readonly restore?: readonly string[];
  readonly say: (line: string) => void;
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
 * @throws StartError if it cannot start; then nothing is left running either
 */
export async function runStack(options: StackOptions, signals: StackSignals): Promise<void> {
  const { say } = options;
  const programs = ensurePrograms(PROGRAM_NAMES, { path: options.environment["PATH"] ?? "", say });
  const startedAt = performance.now();
  const postgresUser = choosePostgresUser();
  const folder = await openDataFolder(options.data, options.fresh, (run) => endOrphanedProcesses(run, say));
  try {
    const port = await choosePort(options.port);
    const { ownEnvironment, own = OWN_COMMANDS, apis, writers } = options;
    // Marks each process of this stack, so that it can be recognised on the machine.
    const environment = { ...options.environment, RAZONETE_STACK: folder.path };
    await prepareBooks({
      programs,
      user: postgresUser,
      folder: folder.postgres,
      settings: join(DEPLOY, "postgresql.conf"),
      password: folder.password,
      environment,
    });
    const ports = await keptPorts(join(folder.path, "ports.json"), PORTS_BESIDE_APIS + apis, port);
    const plan = planStack({
      folder,
      programs,
      postgresUser,
      own,
      restore: options.restore ?? null,
      port,
      apis,
      writers,
      ports,
      environment,
      ownEnvironment,
    });
    const stack = new Stack(plan, folder, say);
    const onKill = (): void => stack.kill();
    signals.kill.addEventListener("abort", onKill);
    try {
      await stack.start(signals.stop);
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      say(
        `Razonete listens on ${plan.url}, ready after ${seconds} s. Data, durable, and logs: ${folder.path}`,
      );
      for (const line of [...stack.describe(), ...usageLines(plan.url)]) say(line);
      await aborted(signals.stop);
    } catch (error) {
      if (!(error instanceof StartInterrupted)) throw error;
    } finally {
      await stack.stop();
      signals.kill.removeEventListener("abort", onKill);
    }
  } finally {
    folder.release();
  }
}

function usageLines(url: string): string[] {
  return [
    "Accounts 1 to 5 are open. Try:",
    `  curl -d '{"valor": 1000, "tipo": "c", "descricao": "salary"}' ${url}/clientes/1/transacoes`,
    `  curl ${url}/clientes/1/extrato`,
    "Ctrl-C stops everything; the data stays.",
  ];
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
