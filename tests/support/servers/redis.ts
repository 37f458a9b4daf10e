import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { credentialsOf, redisUsers, type StackUser } from "../../../src/stack/credentials.ts";
import { DEPLOY } from "../../../src/stack/process-plan.ts";
import { pathOf } from "./binaries.ts";
import { exchange, ServerProcess } from "./server-process.ts";
import { temporaryFolder } from "../temporary-folder.ts";

export interface RedisServer {
  /** Of the operator, who may do everything, without a password. */
  readonly url: string;
  /** Of one who may do what a process of the cluster needs; see deploy/redis-users.acl. */
  urlOf(user: StackUser): string;
  readonly process: ServerProcess;
  /** Of its append-only files. */
  readonly log: string;
  /** By the names of redis.conf; a change counts from the next start. */
  readonly settings: Record<string, string>;
  /** Removes what it has on disk; for a server that is not running, as the two below. */
  forget(): void;
  /** Makes a copy of what it has on disk, and returns its folder. */
  backUp(): string;
  /** Puts a copy in place of what it has on disk. */
  putBack(copy: string): void;
}

/**
 * A Redis as the ledger wants it: on disk before it answers.
 *
 * @param environment what its environment has besides
 */
export async function startRedis(environment: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
  const program = pathOf("redis");
  const folder = temporaryFolder("redis").path;
  const log = join(folder, "appendonlydir");
  const credentials = credentialsOf("of the tests");
  const aclfile = join(folder, "users.acl");
  writeUsers(aclfile, credentials);
  const settings: Record<string, string> = {
    bind: "127.0.0.1",
    dir: folder,
    appendonly: "yes",
    appendfsync: "always",
    save: "",
    aclfile,
  };
  const server = await ServerProcess.start({
    name: "redis-server",
    folder,
    command: (port) => [
      "/usr/bin/env",
      ...Object.entries(environment).map(([key, value]) => `${key}=${value}`),
      program,
      ...Object.entries({ ...settings, port }).flatMap(option),
    ],
    isReady: async (port) => (await exchange(port, "PING\r\n")).startsWith("+PONG"),
    stopSignal: "SIGTERM",
    orphanSignal: "KILL",
  });
  const forget = (): void => rmSync(log, { recursive: true, force: true });
  return {
    url: `redis://127.0.0.1:${server.port}`,
    urlOf: (user) => `redis://${user}:${credentials[user]}@127.0.0.1:${server.port}`,
    process: server,
    log,
    settings,
    forget,
    backUp: () => {
      const copy = mkdtempSync(join(folder, "copy-"));
      cpSync(log, copy, { recursive: true });
      return copy;
    },
    putBack: (copy) => {
      forget();
      cpSync(copy, log, { recursive: true });
    },
  };
}

function option([name, value]: [string, string | number]): string[] {
  return [`--${name}`, String(value)];
}

/** The users of a stack's Redis, but that the operator needs no password. */
export function writeUsers(aclfile: string, credentials: ReturnType<typeof credentialsOf>): void {
  const users = redisUsers(readFileSync(join(DEPLOY, "redis-users.acl"), "utf8"), credentials);
  writeFileSync(aclfile, users.replaceAll(/^#.*\n/gm, "").replace(/^(user default on) #\S+/m, "$1 nopass"));
}
