import { timestamp } from "../http/timestamp.ts";
import type { Micros } from "../ledger/account.ts";
import type { KeptKey } from "./kept-key.ts";

/** A key as `--json` shows it. Its hash is nobody's business. */
export function keyAsJson(key: KeptKey): object {
  return {
    name: key.name,
    scopes: [...key.scopes],
    accounts: `${key.accounts}*`,
    rate: key.rate,
    created_at: timestamp(key.createdAt),
    expires_at: timeOrNull(key.expiresAt),
    revoked_at: timeOrNull(key.revokedAt),
  };
}

/** For a person: a table of all keys. */
export function describeKeys(keys: readonly KeptKey[], now: Micros): string {
  const rows = keys.map((key) => [
    key.name,
    stateOf(key, now),
    `${key.accounts}*`,
    key.rate === null ? "-" : `${key.rate}/s`,
    shortTime(key.createdAt),
    [...key.scopes].join(","),
  ]);
  const table = [["name", "state", "accounts", "rate", "made", "scopes"], ...rows];
  const widths = table.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    [],
  );
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** For a person: what a key allows, a line each. */
export function describeKey(key: KeptKey): string {
  return [
    `scopes    ${[...key.scopes].join(", ")}`,
    `accounts  ${key.accounts === "" ? "all" : `those that begin with ${key.accounts}`}`,
    `expires   ${key.expiresAt === null ? "never" : shortTime(key.expiresAt)}`,
    ...(key.rate === null ? [] : [`rate      ${key.rate} requests a second`]),
  ].join("\n");
}

export function shortTime(time: Micros): string {
  return timestamp(time).replace(/\.\d+Z$/, "Z");
}

function stateOf({ revokedAt, expiresAt }: KeptKey, now: Micros): string {
  if (revokedAt !== null) return `revoked ${shortTime(revokedAt)}`;
  if (expiresAt === null) return "valid";
  return `${expiresAt <= now ? "expired" : "valid until"} ${shortTime(expiresAt)}`;
}

function timeOrNull(time: Micros | null): string | null {
  return time === null ? null : timestamp(time);
}
