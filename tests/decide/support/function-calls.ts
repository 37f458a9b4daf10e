import { z } from "zod";
import type { RedisStand } from "../../support/redis-under-test.ts";

/** Calls of the functions as the head of the function describes them, without the program's own encoding. */

/** kind, id, account, amount, content, text */
export type Arguments = readonly [string, string, string, string, string, string];

export function creditOf(
  account: number | string,
  value: number | string,
  id: string,
  content = "",
): Arguments {
  return ["c", id, String(account), String(value), content, "text"];
}

export function debitOf(
  account: number | string,
  value: number | string,
  id: string,
  content = "",
): Arguments {
  return ["d", id, String(account), String(value), content, "text"];
}

export function openOf(
  account: string,
  limit: number | string,
  id: string,
  { content = "", name = "" } = {},
): Arguments {
  const details = name === "" ? "" : JSON.stringify({ name });
  return ["o", id, account, String(limit), content, JSON.stringify({ unit: "BRL/2", opening: "h", details })];
}

export function limitOf(
  account: number | string,
  limit: number | string,
  id: string,
  content = "",
): Arguments {
  return ["a", id, String(account), "", content, `{"limit":${limit}}`];
}

export function holdOf(
  from: string,
  amount: number,
  id: string,
  { content = "", to = "@world", seconds = 600 } = {},
): Arguments {
  return ["h", id, from, String(amount), content, `${to} ${seconds} `];
}

/**
 * @param postings from, to, amount, one after the other
 * @param conditions account, what, least, most, likewise
 */
export function transferOf(
  postings: readonly (string | number)[],
  id: string,
  {
    content = "",
    reverses = "/",
    conditions = [],
    details = "",
  }: {
    readonly content?: string;
    readonly reverses?: string;
    readonly conditions?: readonly (string | number)[];
    readonly details?: string;
  } = {},
): Arguments {
  const counts = [postings.length / 3, conditions.length / 4, reverses, 0];
  return ["t", id, "", "", content, [...counts, ...postings, ...conditions, details].join(" ")];
}

export interface CaptureWords {
  readonly amount?: number;
  readonly to?: string;
  /** To and amount, one after the other. */
  readonly postings?: readonly (string | number)[];
}

export function captureOf(
  hold: string,
  id: string,
  { amount, to, postings }: CaptureWords = {},
  content = "",
): Arguments {
  const parts = postings === undefined ? ["/"] : [postings.length / 2, ...postings];
  return ["p", id, hold, "", content, [amount ?? "/", to ?? "/", ...parts].join(" ")];
}

export function releaseOf(hold: string, id: string, content = ""): Arguments {
  return ["r", id, hold, "", content, ""];
}

/** Decided as a whole. */
export function groupOf(...commands: readonly Arguments[]): readonly Arguments[] {
  return [["[", "", "", "", "", ""], ...commands, ["]", "", "", "", "", ""]];
}

const replyOfApply = z.tuple([z.string(), z.coerce.number()]).rest(z.string());

/** @returns g, the events of the holds that were due, and what became of each command */
export async function apply(
  stand: RedisStand,
  commands: readonly Arguments[],
  { epoch = "test", gMin = 0, outboxMax = 1_000, names = null as readonly string[] | null } = {},
): Promise<{ readonly g: string; readonly ended: readonly string[]; readonly outcomes: readonly string[] }> {
  const args = [
    epoch,
    String(gMin),
    String(outboxMax),
    ...commands.flat(),
    ...(names === null ? [] : [names.join(" ")]),
  ];
  const [g, due, ...rest] = replyOfApply.parse(await stand.call("razonete_apply", args));
  return { g, ended: rest.slice(0, due), outcomes: rest.slice(due) };
}

/** Everything that Redis holds: for each key its type, whether it goes away by itself, and what is in it. */
export async function snapshot(stand: RedisStand): Promise<Readonly<Record<string, unknown>>> {
  const keys = z.array(z.string()).parse(await stand.command(["KEYS", "*"]));
  const entries = keys.toSorted().map(async (key) => {
    const type = z.string().parse(await stand.command(["TYPE", key]));
    const ttl = z.number().parse(await stand.command(["TTL", key]));
    const [before, after] = READ[type] ?? [[], []];
    const value = await stand.command([...before, key, ...after]);
    const info = type === "stream" ? await stand.command(["XINFO", "STREAM", key]) : null;
    return [key, { type, expires: ttl >= 0, value, info }] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

const READ: Readonly<Record<string, readonly [readonly string[], readonly string[]]>> = {
  string: [["GET"], []],
  hash: [["HGETALL"], []],
  zset: [["ZRANGE"], ["0", "-1", "WITHSCORES"]],
  list: [["LRANGE"], ["0", "-1"]],
  stream: [["XRANGE"], ["-", "+"]],
};
