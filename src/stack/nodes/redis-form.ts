import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { bounds } from "../../bounds.ts";
import { StartError } from "../../errors.ts";
import type { DataFolder } from "../data-folder.ts";
import { stackBounds } from "../stack-bounds.ts";

/** Of a stack whose Redis is several nodes. Chosen once, at its first start, and noted in its data folder. */
export interface RedisForm {
  readonly shards: number;
  /** Nodes that decide, each with its part of the shards. */
  readonly primaries: number;
  /** Copies of each of them. */
  readonly replicas: number;
}

/** As the flags of a start say; undefined: not given. */
export interface FormFlags {
  readonly shards?: number | undefined;
  readonly replicas?: number | undefined;
  readonly redisNodes?: number | undefined;
}

/** An election needs a majority of the primaries: of two, none can be spared. */
export const VOTERS_MIN = 3;
const FILE = "redis-nodes.json";
const OTHERWISE = "or begin another ledger with --data or --fresh.";

const noted = z.object({
  shards: z.int().min(1).max(bounds.shards_max),
  primaries: z.int().min(1),
  replicas: z.int().min(0),
});

/**
 * The form that a stack has, or gets where it is begun. What a flag does not say stays as it was begun with.
 *
 * @param shards of a ledger that is begun, where no flag says it
 * @returns null for one Redis
 * @throws StartError if the folder was begun with another one, or there would be too many servers
 */
export function formOf(
  folder: Pick<DataFolder, "path" | "postgres">,
  flags: FormFlags,
  shards: number,
): RedisForm | null {
  const begun = readForm(folder);
  if (begun !== null) {
    requireSame(begun, flags);
    return begun;
  }
  const form = newForm(flags, shards);
  if (form !== null && existsSync(folder.postgres))
    throw new StartError(
      `this ledger was begun with one Redis, which cannot become several: leave out --replicas and --redis-nodes, ${OTHERWISE}`,
    );
  return form;
}

/**
 * As {@link wantedForm} of a stack that is begun now.
 *
 * @throws StartError if there would be too many servers, or some of them would have nothing to do
 */
export function newForm(flags: FormFlags, otherShards: number): RedisForm | null {
  const form = wantedForm(flags, otherShards);
  // With replicas a primary that has no shard votes on who takes over.
  if (form !== null && form.replicas === 0 && form.primaries > form.shards)
    throw new StartError(
      `of ${form.primaries} Redis nodes some would have nothing to decide, with ${form.shards === 1 ? "1 shard" : `${form.shards} shards`}: ` +
        `give --shards ${form.primaries} or more, or less with --redis-nodes. Neither can be changed later.`,
    );
  return form;
}

/** As the flags say of a stack that is begun. */
export function wantedForm(
  { shards, replicas = 0, redisNodes = 1 }: FormFlags,
  otherShards: number,
): RedisForm | null {
  const primaries = primariesFor(replicas, redisNodes);
  if (primaries === 1) return null;
  const servers = primaries * (1 + replicas);
  if (servers > stackBounds.redis_servers_max)
    throw new StartError(
      `${primaries} Redis nodes with ${replicas} replicas each are ${servers} servers, and one machine runs ` +
        `${stackBounds.redis_servers_max} at most: give less with --redis-nodes or --replicas.`,
    );
  return { shards: shards ?? otherShards, primaries, replicas };
}

function primariesFor(replicas: number, redisNodes: number): number {
  return replicas === 0 ? redisNodes : Math.max(VOTERS_MIN, redisNodes);
}

function requireSame(begun: RedisForm, { shards, replicas, redisNodes }: FormFlags): void {
  const isSame =
    (shards ?? begun.shards) === begun.shards &&
    (replicas ?? begun.replicas) === begun.replicas &&
    (redisNodes === undefined || primariesFor(begun.replicas, redisNodes) === begun.primaries);
  if (isSame) return;
  const nodes = `--redis-nodes ${begun.primaries}`;
  throw new StartError(
    `this ledger was begun with --shards ${begun.shards} ${nodes} --replicas ${begun.replicas}, which cannot be changed: ` +
      `give these or leave them out, ${OTHERWISE}`,
  );
}

function readForm({ path }: Pick<DataFolder, "path">): RedisForm | null {
  const file = join(path, FILE);
  if (!existsSync(file)) return null;
  try {
    return noted.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    throw new StartError(
      `${file} cannot be read, which says how many Redis nodes this ledger was begun with: write them down again as in ` +
        '{"shards":3,"primaries":3,"replicas":2}.',
    );
  }
}

/** So that each start of the folder has this form. */
export function noteForm({ path }: Pick<DataFolder, "path">, form: RedisForm): void {
  const file = join(path, FILE);
  writeFileSync(`${file}.next`, `${JSON.stringify(form)}\n`);
  renameSync(`${file}.next`, file);
}
