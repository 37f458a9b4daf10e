import { bounds } from "../bounds.ts";
import { StartError } from "../errors.ts";
import { parseTimestamp } from "../http/timestamp.ts";
import type { Micros } from "../ledger/account.ts";
import { isAccountId } from "../ledger/account-id.ts";
import type { AccessKey } from "./access-key.ts";
import { isScope, type Scope, SCOPES } from "./scope.ts";

/** What `razonete keys create` is given, as the command line has it. */
export interface KeyFlags {
  readonly name: string;
  readonly scopes: string;
  readonly accounts?: string | undefined;
  readonly expires?: string | undefined;
  readonly rate?: string | undefined;
}

const HOUR: Micros = 3_600_000_000;
const UNITS = { h: HOUR, d: 24 * HOUR } as const;

/** @throws StartError that names every flag that is wrong */
export function parseKeyFlags(flags: KeyFlags, now: Micros): AccessKey {
  const faults: string[] = [];
  const take = <Value>(flag: string, text: string, value: Value | null, rule: string): Value | null => {
    if (value === null) faults.push(`${flag} must be ${rule}, not "${text}"`);
    return value;
  };
  const { name, scopes: scopesText, accounts: accountsText = "*", expires, rate: rateText } = flags;
  take("--name", name, parseName(name), "1 to 32 characters a-z, 0-9 and -, the first no -");
  const scopes = take(
    "--scopes",
    scopesText,
    parseScopes(scopesText),
    `some of ${SCOPES.join(", ")}, with commas between them`,
  );
  const accounts = take(
    "--accounts",
    accountsText,
    parsePrefix(accountsText),
    "the beginning of ids of accounts and a * after it, such as 'acme:*'",
  );
  const expiresAt =
    expires === undefined
      ? null
      : take(
          "--expires",
          expires,
          parseExpiry(expires, now),
          "a time from now, such as 90d or 12h, or a date to come, such as 2030-01-31",
        );
  const rate =
    rateText === undefined
      ? null
      : take(
          "--rate",
          rateText,
          parseRate(rateText),
          `how many requests a second, from 1 to ${bounds.access_key_rate_max}`,
        );
  if (scopes?.has("admin") === true && accounts !== "")
    faults.push("--accounts is not for a key with the scope admin, which has every account");
  if (faults.length > 0 || scopes === null || accounts === null)
    throw new StartError(`${faults.join("; ")}.`);
  return { name, scopes, accounts, expiresAt, rate };
}

function parseName(text: string): string | null {
  return /^[a-z0-9][a-z0-9-]{0,31}$/.test(text) ? text : null;
}

function parseScopes(text: string): ReadonlySet<Scope> | null {
  const given = text.split(",").map((scope) => scope.trim());
  const known = given.filter(isScope);
  return known.length === given.length ? new Set(SCOPES.filter((scope) => known.includes(scope))) : null;
}

function parsePrefix(text: string): string | null {
  if (text === "*") return "";
  const prefix = text.slice(0, -1);
  return text.endsWith("*") && isAccountId(prefix) ? prefix : null;
}

function parseExpiry(text: string, now: Micros): Micros | null {
  const [, count, unit] = /^([1-9]\d{0,4})([hd])$/.exec(text) ?? [];
  // No further than the last time that is told exactly: none of the cluster's processes reads an integer beyond that.
  if (count !== undefined)
    return Math.min(now + Number(count) * UNITS[unit === "h" ? "h" : "d"], Number.MAX_SAFE_INTEGER);
  const at = parseTimestamp(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
  return at !== null && at > now ? at : null;
}

function parseRate(text: string): number | null {
  return /^[1-9]\d{0,6}$/.test(text) && Number(text) <= bounds.access_key_rate_max ? Number(text) : null;
}
