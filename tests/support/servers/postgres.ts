import { cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import postgres from "postgres";
import type { CertificateFiles } from "./certificates.ts";
import { pathOf } from "./binaries.ts";
import { ServerProcess } from "./server-process.ts";
import { temporaryFolder } from "../temporary-folder.ts";

export interface PostgresServer {
  readonly process: ServerProcess;
  /** Of the database that is always there, for a look from outside. */
  readonly url: string;
  /** SIGSTOP for the server and every session of it, and back. */
  freeze(): void;
  thaw(): void;
  /** Makes an empty database and returns its URL. */
  createDatabase(): Promise<string>;
  /**
   * The URL of an empty database, always the same one: sooner than making one. Ends every session on it, and takes out
   * what an earlier test has left.
   */
  emptyDatabase(): Promise<string>;
}

const USER = "razonete";
let databases = 0;

/**
 * A PostgreSQL of its own.
 *
 * @param durable with fsync: only where a test is about it
 * @param tls it takes connections with TLS, too
 * @param more settings, asked for at each start
 * @param copyOf one that runs: this one becomes its standby
 */
export async function startPostgres({
  durable = false,
  tls = null as CertificateFiles | null,
  more = (): Readonly<Record<string, string>> => ({}),
  copyOf = null as PostgresServer | null,
} = {}): Promise<PostgresServer> {
  const program = pathOf("postgres");
  const folder = temporaryFolder("postgres").path;
  const data = join(folder, "data");
  if (copyOf === null) cpSync(emptyCluster(), data, { recursive: true });
  else copyRunning(copyOf, folder);
  if (tls !== null) {
    cpSync(tls.cert, join(folder, "tls.pem"));
    cpSync(tls.key, join(folder, "tls.key"));
  }
  const asOwner = giveAway(folder);
  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: folder,
    // By default it is on. Said here, it could not be changed while the server runs.
    ...(durable ? {} : { fsync: "off" }),
    ...(tls === null
      ? {}
      : { ssl: "on", ssl_cert_file: join(folder, "tls.pem"), ssl_key_file: join(folder, "tls.key") }),
    shared_buffers: "16MB",
    max_connections: "50",
    log_min_messages: "fatal",
  };
  const options = () =>
    Object.entries({ ...settings, ...more() }).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = await ServerProcess.start({
    name: "postgres",
    folder,
    command: (port) => asOwner.concat(program, "-D", data, "-p", String(port), options()),
    isReady: answers,
    // Ends its sessions, then itself; SIGTERM would wait for the sessions to end.
    stopSignal: "SIGINT",
    orphanSignal: "QUIT",
  });
  const url = `postgres://${USER}@127.0.0.1:${server.port}/postgres`;
  const createDatabase = async (): Promise<string> => {
    databases += 1;
    const name = `ledger_${databases}`;
    const sql = postgres(url, { max: 1, onnotice: () => {} });
    await sql.unsafe(`CREATE DATABASE ${name}`);
    await sql.end();
    return `postgres://${USER}@127.0.0.1:${server.port}/${name}`;
  };
  let emptied: string | null = null;
  return {
    process: server,
    url,
    freeze: () => signalAll(server.pid, "SIGSTOP"),
    thaw: () => signalAll(server.pid, "SIGCONT"),
    createDatabase,
    async emptyDatabase() {
      if (emptied === null) return (emptied = await createDatabase());
      const sql = postgres(emptied, { max: 1, onnotice: () => {} });
      await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()`;
      await sql.unsafe("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
      await sql.end();
      return emptied;
    },
  };
}

/**
 * The folder of a database cluster that nobody has used yet, to be copied: a copy takes a tenth of what initdb takes.
 * Made once for each version of PostgreSQL, and kept with the dependencies.
 */
function emptyCluster(): string {
  const initdb = pathOf("initdb");
  const version = Bun.spawnSync([initdb, "--version"])
    .stdout.toString()
    .replaceAll(/[^0-9.]+/g, "-");
  const made = join(import.meta.dir, `../../../node_modules/.cache/postgres${version}${process.getuid?.()}`);
  if (existsSync(made)) return made;
  using folder = temporaryFolder("initdb");
  const data = join(folder.path, "data");
  const asOwner = giveAway(folder.path);
  const { success, stderr } = Bun.spawnSync(
    [...asOwner, initdb, "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
    { cwd: folder.path, stderr: "pipe" },
  );
  if (!success) throw new Error(`initdb: ${stderr.toString()}`);
  // Another test run may do the same at this moment: each puts a whole folder in its place, or finds one there.
  const draft = `${made}.${process.pid}`;
  cpSync(data, draft, { recursive: true });
  try {
    renameSync(draft, made);
  } catch {
    rmSync(draft, { recursive: true });
  }
  return made;
}

async function answers(port: number): Promise<boolean> {
  const sql = postgres(`postgres://${USER}@127.0.0.1:${port}/postgres`, { max: 1, connect_timeout: 1 });
  try {
    await sql`SELECT 1`;
    return true;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Makes the data of a standby of this server, in place of what the folder has. */
export function copyRunning({ process }: PostgresServer, folder: string): void {
  const data = join(folder, "data");
  rmSync(data, { recursive: true, force: true });
  const from = ["-h", "127.0.0.1", "-p", String(process.port), "-U", USER];
  const copy = [basebackup(), ...from, "-D", data, "-c", "fast", "-X", "stream", "--no-sync"];
  const { success, stderr } = Bun.spawnSync([...giveAway(folder), ...copy], { cwd: folder, stderr: "pipe" });
  if (!success) throw new Error(`pg_basebackup: ${stderr.toString()}`);
  writeFileSync(join(data, "standby.signal"), "");
}

function basebackup(): string {
  return join(dirname(pathOf("postgres")), "pg_basebackup");
}

/** PostgreSQL does not run as root: then the folder is given to somebody else. Returns what its commands begin with. */
function giveAway(folder: string): string[] {
  if (process.getuid?.() !== 0) return [];
  const setpriv = Bun.which("setpriv");
  if (setpriv === null) throw new Error("setpriv (package util-linux) is not installed");
  const user = ["postgres", "nobody"].find((name) => idOf("-u", name) !== null);
  if (user === undefined) throw new Error("there is no user that PostgreSQL could run as");
  const [uid, gid] = [Number(idOf("-u", user)), Number(idOf("-g", user))];
  Bun.spawnSync(["chown", "-R", `${uid}:${gid}`, folder]);
  // A change of user makes the system forget which signal was asked for before it, so it is asked for again.
  return [setpriv, `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--pdeathsig", "QUIT"];
}

function idOf(flag: string, name: string): string | null {
  const result = Bun.spawnSync(["id", flag, name], { stderr: "ignore" });
  return result.success ? result.stdout.toString().trim() : null;
}

/** To a process and its children. Linux only. */
function signalAll(pid: number, signal: NodeJS.Signals): void {
  // The parent first: a frozen one makes no more children.
  process.kill(pid, signal);
  for (const child of readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ")) {
    if (child === "") continue;
    try {
      process.kill(Number(child), signal);
    } catch {
      // It has ended meanwhile, as that of a connection that was closed.
    }
  }
}
