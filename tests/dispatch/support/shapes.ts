import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { BookKeys } from "../../../src/access/book-keys.ts";
import { KeyFile, keyFileOf } from "../../../src/access/key-file.ts";
import type { AccessKeyStore } from "../../../src/access/kept-key.ts";
import type { Scope } from "../../../src/access/scope.ts";
import { hashOf, newToken } from "../../../src/access/token.ts";
import { hookFileOf } from "../../../src/hooks/file-hooks.ts";
import { BOOKS_ROLES } from "../../../src/keep/roles.ts";
import { SOURCE_PROGRAM } from "../../../src/build/programs.ts";
import { Cluster } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";
import { startServer } from "../../support/server.ts";
import { childrenOf } from "../../support/servers/server-process.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** Access keys as clients send them. */
export interface Tokens {
  readonly admin: string;
  /** Bound to accounts that begin with `acme:`, and with `umbra:`. */
  readonly acme: string;
  readonly umbra: string;
  /** For everything but webhooks. */
  readonly reader: string;
}

/** A ledger of one of the two shapes, as processes, which dispatches. */
export interface Shape extends AsyncDisposable {
  readonly url: string;
  readonly tokens: Tokens;
  /** The dispatcher that works just now is killed; another one takes over. */
  killDispatcher(): Promise<void>;
  /** Each happens to what it keeps webhooks in, and is over when it resolves. */
  readonly faults: readonly (() => Promise<void>)[];
  revoke(name: string): Promise<void>;
  /** What all processes of ours have said so far. */
  said(): Promise<string>;
}

export interface ShapeOptions {
  readonly authorities: string;
  /** Whether webhooks may go to this machine. */
  readonly inner: boolean;
}

function settingsOf({ authorities, inner }: ShapeOptions): Record<string, string> {
  return { WEBHOOK_CA_FILE: authorities, WEBHOOK_INNER: inner ? "allow" : "refuse" };
}

async function makeKeys(store: AccessKeyStore): Promise<Tokens> {
  const make = async (name: string, accounts: string, scopes: readonly Scope[]): Promise<string> => {
    const token = newToken();
    const dates = { createdAt: Date.now() * 1000, expiresAt: null, revokedAt: null };
    await store.create({
      name,
      accounts,
      scopes: new Set(scopes),
      hash: hashOf(token),
      rate: null,
      ...dates,
    });
    return token;
  };
  return {
    admin: await make("admin", "", ["admin"]),
    acme: await make("acme", "acme:", ["events:read", "webhooks:write", "accounts:read"]),
    umbra: await make("umbra", "umbra:", ["events:read", "webhooks:write"]),
    reader: await make("reader", "", ["events:read", "accounts:read"]),
  };
}

export async function embeddedShape(options: ShapeOptions): Promise<Shape> {
  const folder = temporaryFolder("dispatch-serve");
  const data = join(folder.path, "data");
  mkdirSync(data, { mode: 0o700 });
  const keys = new KeyFile(keyFileOf(join(data, "razonete.db")));
  const tokens = await makeKeys(keys);
  const server = await startServer({ data, environment: settingsOf(options) });
  return {
    url: server.url,
    tokens,
    killDispatcher: async () => {
      await eventually("there is a dispatcher", () => childrenOf(server.pid).length > 0);
      for (const pid of childrenOf(server.pid)) process.kill(pid, "SIGKILL");
    },
    faults: [
      async () => {
        // For longer than who writes it waits.
        const db = new Database(hookFileOf(join(data, "razonete.db")));
        // Who writes it just then is waited for.
        db.run("PRAGMA busy_timeout = 10000");
        db.run("BEGIN IMMEDIATE");
        await Bun.sleep(3_000);
        db.run("ROLLBACK");
        db.close();
      },
    ],
    revoke: async (name) => void (await keys.revoke(name, Date.now() * 1000)),
    said: async () => JSON.stringify(server.output()),
    [Symbol.asyncDispose]: async () => {
      const children = childrenOf(server.pid);
      await server.stop();
      await eventually("its dispatcher ended with it", () => !children.some(lives));
      folder[Symbol.dispose]();
    },
  };
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

export async function clusterShape(options: ShapeOptions): Promise<Shape> {
  const settings = settingsOf(options);
  const cluster = await Cluster.start({ environment: settings, shards: 2 });
  const keys = new BookKeys(cluster.databaseUrl);
  const tokens = await makeKeys(keys);
  const databaseUrl = new URL(cluster.databaseUrl);
  databaseUrl.username = BOOKS_ROLES.dispatch;
  const said: string[] = [];
  const start = () => {
    const child = Bun.spawn([...SOURCE_PROGRAM, "dispatch", "--until-input-ends"], {
      env: { ...settings, PATH: process.env["PATH"] ?? "", DATABASE_URL: databaseUrl.href },
      stdin: "pipe",
      stdout: "ignore",
      stderr: "pipe",
    });
    const own: string[] = [];
    const reading = (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of child.stderr) {
        own.push(decoder.decode(chunk));
        said.push(own.at(-1) ?? "");
      }
    })();
    return { child, own, reading };
  };
  let running = [start(), start()];
  const isActive = ({ own }: (typeof running)[number]): boolean =>
    own.join("").includes("dispatches webhooks");
  // To an API that does not know them yet, everyone is somebody else than to the others.
  await eventually("the keys are known to all", async () => {
    const urls = cluster.apis.map((_, index) => cluster.apiUrl(index));
    const answers = await Promise.all(urls.map((url) => fetch(`${url}/v1/webhooks`)));
    return answers.every(({ status }) => status === 401);
  });
  await eventually("one dispatches", () => running.some(isActive));
  return {
    url: cluster.url,
    tokens,
    killDispatcher: async () => {
      await eventually("one dispatches", () => running.some(isActive));
      const active = running.find(isActive);
      active?.child.kill("SIGKILL");
      await active?.child.exited;
      running = [...running.filter((one) => one !== active), start()];
    },
    faults: [
      async () => {
        await cluster.postgres.process.kill();
        await Bun.sleep(1_000);
        await cluster.postgres.process.start();
      },
      async () => {
        cluster.postgres.freeze();
        await Bun.sleep(4_000);
        cluster.postgres.thaw();
      },
    ],
    revoke: async (name) => void (await keys.revoke(name, Date.now() * 1000)),
    said: async () =>
      `${said.join("")}${(await Promise.all([...cluster.apis, ...cluster.writers].map((each) => each.log()))).join("")}`,
    [Symbol.asyncDispose]: async () => {
      for (const { child } of running) child.kill();
      await Promise.all(running.flatMap(({ child, reading }) => [child.exited, reading]));
      await keys.close();
      await cluster[Symbol.asyncDispose]();
    },
  };
}
