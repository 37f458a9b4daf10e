import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { bounds } from "../../bounds.ts";
import { headKey } from "../../decide/redis-client.ts";
import { askNode } from "./ask-node.ts";

/** What a Redis that does not run has in its log: asked before it starts as a primary. */

/** The last batch of a shard; null where there is none. */
export interface Head {
  readonly shard: number;
  readonly epoch: string | null;
  readonly g: number;
}

const FOLDER = "appendonlydir";
const POLL_MILLISECONDS = 20;

/** Whether all files are there that its list of them names. */
export function hasWholeLog(folder: string): boolean {
  const parts = join(folder, FOLDER);
  const list = join(parts, "appendonly.aof.manifest");
  if (!existsSync(list)) return false;
  const named = [...readFileSync(list, "utf8").matchAll(/^file (\S+) .*type [bi]$/gm)].map(
    ([, name = ""]) => name,
  );
  return named.length > 0 && named.every((name) => existsSync(join(parts, name)));
}

/**
 * Reads the log as Redis would at its start, with a Redis of its own that takes part in no cluster, listens to nobody else
 * and writes nothing: of a large log that takes as long as the start itself.
 *
 * @param folder whose log was repaired, and that no other Redis uses
 * @throws Error if the log cannot be read
 */
export async function readOwnLog(
  redisServer: string,
  folder: string,
  shards: readonly number[],
  stop: AbortSignal,
): Promise<Head[]> {
  // The path of a socket may not be long.
  const place = mkdtempSync(join(tmpdir(), "razonete-"));
  const socket = join(place, "redis.sock");
  const settings = {
    port: "0",
    unixsocket: JSON.stringify(socket),
    unixsocketperm: "700",
    dir: JSON.stringify(folder),
    appendonly: "yes",
    "aof-load-truncated": "no",
    "auto-aof-rewrite-percentage": "0",
    save: '""',
  };
  const input = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`);
  const child = Bun.spawn([redisServer, "-"], {
    cwd: "/",
    stdio: [Buffer.from(input.join("")), "pipe", "ignore"],
    detached: true,
  });
  const said = new Response(child.stdout).text();
  try {
    const url = `unix://${socket.split("/").map(encodeURIComponent).join("/")}`;
    while (child.exitCode === null && child.signalCode === null) {
      stop.throwIfAborted();
      const heads = existsSync(socket) ? await readHeads(url, shards) : null;
      if (heads !== null) return heads;
      await Bun.sleep(POLL_MILLISECONDS);
    }
    const [reason = "it says nothing"] = (await said).trimEnd().split("\n").slice(-1);
    throw new Error(`its log cannot be read: ${reason.replace(/^\S+ .*?[*#] /, "")}`);
  } finally {
    // It has nothing to write.
    child.kill("SIGKILL");
    await child.exited;
    rmSync(place, { recursive: true, force: true });
  }
}

const headReply = z.tuple([z.string().nullable(), z.string().nullable()]);

/** The last batches of these shards; null if this Redis does not tell, as while it loads its log. */
export async function readHeads(
  url: string,
  shards: readonly number[],
  before: readonly (readonly string[])[] = [],
): Promise<Head[] | null> {
  try {
    const reads = shards.map((shard) => ["HMGET", headKey(shard), "epoch", "g"]);
    const replies = (await askNode(url, ...before, ["PING"], ...reads)).slice(before.length + 1);
    return replies.map((reply, index) => {
      const [epoch, g] = headReply.parse(reply);
      return { shard: shards[index] ?? 0, epoch, g: Number(g ?? 0) };
    });
  } catch {
    return null;
  }
}

/** As many as a ledger may have: a node's file tells its slots, and not how many shards there are. */
export const SHARDS_MAX = bounds.shards_max;
