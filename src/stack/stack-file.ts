import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";
import type { ServerUrls } from "../config/server-config.ts";
import { eachHost } from "../tls/server-trust.ts";

export interface DescribedProcess {
  readonly name: string;
  readonly pid: number;
  /** host:port, or the path of its socket; not of one that nobody calls. */
  readonly address?: string | undefined;
  /**
   * Of a Redis, in a stack that was started with `--shards` or has several of them: what it is now, and of which shards. Of
   * PostgreSQL, where it is two: what it is now.
   */
  readonly role?: "primary" | "replica" | "standby" | undefined;
  readonly shards?: readonly number[] | undefined;
}

/** The content of `<data>/stack.json`, which describes a running stack to other tools and to tests. */
export interface StackDescription {
  /** The address for clients. */
  readonly url: string;
  readonly processes: readonly DescribedProcess[];
  /** These three URLs include passwords. */
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly natsUrl: string;
  /** Where each process tells what it measures. */
  readonly metrics?: readonly { readonly process: string; readonly url: string }[] | undefined;
  /** Where Prometheus runs, too. */
  readonly prometheusUrl?: string | undefined;
}

/** Replaces the file in one step: a reader sees the old content or the new. Only its owner may read it. */
export function writeStackFile(path: string, description: StackDescription): void {
  replaceFile(path, `${JSON.stringify(description, null, 2)}\n`);
}

function replaceFile(path: string, text: string): void {
  const next = `${path}.next`;
  // The mode counts only for a new file.
  rmSync(next, { force: true });
  writeFileSync(next, text, { mode: 0o600 });
  renameSync(next, path);
}

const description = z.object({
  url: z.string(),
  processes: z.array(
    z.object({
      name: z.string(),
      pid: z.int(),
      address: z.string().optional(),
      role: z.enum(["primary", "replica", "standby"]).optional(),
      shards: z.array(z.int()).optional(),
    }),
  ),
  databaseUrl: z.string(),
  redisUrl: z.string(),
  natsUrl: z.string(),
  metrics: z.array(z.object({ process: z.string(), url: z.string() })).optional(),
  prometheusUrl: z.string().optional(),
});

/** Reads the file of a running stack. Throws if it cannot be read or does not describe a stack. */
export function readStackFile(path: string): StackDescription {
  return description.parse(JSON.parse(readFileSync(path, "utf8")));
}

/**
 * What the tools of the three servers, and razonete's own, read of the environment, for a shell (`. operator.env`). So no
 * password is on a command line, where every user of the machine sees it.
 */
export function writeOperatorFile(path: string, urls: ServerUrls): void {
  const books = eachHost(urls.databaseUrl);
  const [owner] = books;
  // redis-cli takes one of several nodes, and finds the others with -c.
  const [redis] = eachHost(urls.redisUrl);
  const variables = {
    DATABASE_URL: urls.databaseUrl,
    REDIS_URL: urls.redisUrl,
    NATS_URL: urls.natsUrl,
    // libpq takes several of them, too.
    PGHOST: books.map(({ hostname }) => hostname).join(","),
    PGPORT: books.map(({ port }) => port).join(","),
    PGUSER: owner?.username,
    PGPASSWORD: owner?.password,
    PGDATABASE: owner?.pathname.slice(1),
    // Of several hosts it takes the one that is this.
    ...(books.length > 1 ? { PGTARGETSESSIONATTRS: "primary" } : {}),
    REDISCLI_AUTH: redis?.password,
    REDIS_PORT: redis?.port,
  };
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'\n`);
  replaceFile(path, lines.join(""));
}

/** The hosts of a server's URL, with their ports: what may be shown of it. */
export function hostsOf(url: string): string {
  return /^[a-z+-]+:\/\/(?:[^@/?]*@)?([^/?]*)/.exec(url)?.[1] ?? "";
}

export function removeStackFile(path: string): void {
  rmSync(path, { force: true });
}
