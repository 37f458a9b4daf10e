import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";
import type { ServerUrls } from "../config/server-config.ts";

export interface DescribedProcess {
  readonly name: string;
  readonly pid: number;
  /** Of a Redis, in a stack that was started with `--shards`: what it is, and of which shards. */
  readonly role?: "primary" | undefined;
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
      role: z.literal("primary").optional(),
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
  const books = new URL(urls.databaseUrl);
  const redis = new URL(urls.redisUrl);
  const variables = {
    DATABASE_URL: urls.databaseUrl,
    REDIS_URL: urls.redisUrl,
    NATS_URL: urls.natsUrl,
    PGHOST: books.hostname,
    PGPORT: books.port,
    PGUSER: books.username,
    PGPASSWORD: books.password,
    PGDATABASE: books.pathname.slice(1),
    REDISCLI_AUTH: redis.password,
    REDIS_PORT: redis.port,
  };
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'\n`);
  replaceFile(path, lines.join(""));
}

export function removeStackFile(path: string): void {
  rmSync(path, { force: true });
}
