import { z } from "zod";
import { bounds } from "../../bounds.ts";
import type { AccountId } from "../../ledger/account.ts";
import { shardOf } from "../../ledger/account-id.ts";
import { integers, texts } from "../../keep/pg-array.ts";
import { type Row, type Snapshot } from "./books-snapshot.ts";
import { LIMIT_IN_FORCE } from "./books-chains.ts";
import type { Findings } from "../findings.ts";
import { MARK_SHIFT } from "../duplicate-detector.ts";
import { idInSql } from "../events.ts";
import type { TextHash } from "../journal/text-hash.ts";

/** Compares these accounts with their latest entry and limit, and their limits with account and entries. */
export async function checkAccounts(
  books: Snapshot,
  accounts: readonly AccountId[],
  findings: Findings,
): Promise<void> {
  const parameters = [texts(accounts, (account) => account)];
  for (const account of await queryLimited(books, findings, ACCOUNTS, parameters))
    reportAccount(account, findings);
  for (const limit of await queryLimited(books, findings, LIMITS_WITHOUT_ACCOUNT, parameters)) {
    findings.add("account-missing", accountIn(limit), null, "it has limits, and is not among the accounts");
  }
  for (const entry of await queryLimited(books, findings, LIMITS_WITHOUT_ENTRIES, parameters)) {
    const detail = `it was held to the limit ${entry["credit_limit"]}, in force was ${entry["in_force"] ?? "none"}`;
    findings.add("limit-passed", accountIn(entry), Number(entry["seq"]), detail);
  }
}

/** The first rows of a query; if there are more, they are only counted as findings. */
export async function queryLimited(
  books: Snapshot,
  findings: Findings,
  query: string,
  parameters: readonly string[],
): Promise<Row[]> {
  const rows = await books.query(`${query} LIMIT ${bounds.audit_rows_named_max}`, parameters);
  if (rows.length === bounds.audit_rows_named_max) {
    const [row] = await books.query(`SELECT count(*) AS count FROM (${query}) AS faulty`, parameters);
    findings.addUnlisted(Number(row?.["count"]) - rows.length);
  }
  return rows;
}

export function accountIn(row: Row): AccountId {
  return String(row["account"]);
}

const ACCOUNTS = `
  SELECT a.account, a.seq::text, a.balance::text, a.credit_limit::text, coalesce(e.seq, 0)::text AS entry_seq,
    coalesce(e.balance, 0)::text AS entry_balance, l.credit_limit::text AS latest_limit, l.version::text,
    n.versions::text
  FROM accounts AS a
  LEFT JOIN LATERAL (
    SELECT seq, balance FROM entries WHERE account = a.account ORDER BY seq DESC LIMIT 1
  ) AS e ON true
  LEFT JOIN LATERAL (
    SELECT credit_limit, version FROM limits WHERE account = a.account ORDER BY version DESC LIMIT 1
  ) AS l ON true
  LEFT JOIN LATERAL (SELECT count(*) AS versions FROM limits WHERE account = a.account) AS n ON true
  WHERE a.account = ANY($1::text::text[]) AND ((a.seq, a.balance) IS DISTINCT FROM (coalesce(e.seq, 0), coalesce(e.balance, 0))
    OR a.credit_limit IS DISTINCT FROM l.credit_limit OR l.version IS DISTINCT FROM n.versions)`;

function reportAccount(row: Row, findings: Findings): void {
  const { seq, balance, credit_limit, entry_seq, entry_balance, latest_limit, version, versions } = row;
  const differs = (detail: string): void =>
    findings.add("account-differs", accountIn(row), Number(seq), detail);
  if (seq !== entry_seq || balance !== entry_balance) {
    differs(
      `it has seq ${seq} and balance ${balance}, its latest entry seq ${entry_seq} and ${entry_balance}`,
    );
  } else if (latest_limit === null) {
    findings.add("account-missing", accountIn(row), null, "it has no limit among the limits");
  } else if (credit_limit !== latest_limit) {
    differs(`it has the limit ${credit_limit}, the latest of its limits is ${latest_limit}`);
  } else {
    differs(`of its limits up to version ${version} only ${versions} are there`);
  }
}

const LIMITS_WITHOUT_ACCOUNT = `
  SELECT DISTINCT l.account FROM limits AS l
  WHERE l.account = ANY($1::text::text[])
    AND NOT EXISTS (SELECT FROM accounts AS a WHERE a.account = l.account)`;

/** The first entry after each change of a limit. Entries under an account's first limit are checked with the chains. */
const LIMITS_WITHOUT_ENTRIES = `
  SELECT e.account, e.seq::text, e.credit_limit::text, ${LIMIT_IN_FORCE}::text AS in_force
  FROM limits AS l2 JOIN entries AS e ON e.account = l2.account AND e.seq = l2.after_seq + 1
  WHERE l2.account = ANY($1::text::text[]) AND (l2.version > 1 OR l2.after_seq > 0)
    AND e.credit_limit IS DISTINCT FROM ${LIMIT_IN_FORCE}`;

/**
 * Finds commands that took effect twice, among those that have one of these marks. The id of a request is never used
 * again; a client's key may be, once it is forgotten, and at any time on another shard, where it stands for another
 * command. What finishes a part of a transaction across shards has the command that was decided at its home.
 *
 * @param shards how many there are
 */
export async function checkCommands(
  books: Snapshot,
  marks: ReadonlySet<number>,
  hash: TextHash,
  shards: number,
  findings: Findings,
): Promise<void> {
  if (marks.size === 0) return;
  const id = idInSql("command");
  const markOfCommand = `(${hash.inSql(id)} >> ${MARK_SHIFT})`;
  const query = `
    WITH effects AS (
      SELECT min(account) AS account, min(seq) AS seq, ${id} AS command, min(time) AS time, shard FROM entries
      WHERE ${markOfCommand} IN (SELECT unnest($1::text::bigint[])) AND NOT EXISTS (
        SELECT FROM parts AS p WHERE p.state = 'finished'
          AND p.shard = entries.shard AND p.ended_g = entries.g AND p.ended_event = entries.event
      )
      GROUP BY entries.command, shard, g, event
      UNION ALL SELECT account, NULL, ${id}, changed_at, NULL FROM limits
      WHERE command <> 'initial' AND ${markOfCommand} IN (SELECT unnest($1::text::bigint[]))
      UNION ALL SELECT account, NULL, ${id}, time, shard FROM holds
      WHERE ${markOfCommand} IN (SELECT unnest($1::text::bigint[]))
    )
    SELECT command, (SELECT key_hours_least FROM system) AS key_hours,
      json_agg(json_build_array(account, seq, time, shard) ORDER BY time, account, seq)::text AS effects
    FROM effects GROUP BY command
    HAVING count(*) > CASE WHEN command LIKE 'req:%' THEN 1 ELSE count(DISTINCT shard) END`;
  const rows = await books.query(query, [integers([...marks], (mark) => mark)]);
  for (const { command, key_hours: keyHours, effects } of rows) {
    const isRequest = String(command).startsWith("req:");
    const microseconds = Number(keyHours) * MICROSECONDS_OF_HOUR;
    const latest = new Map<number, Effect>();
    for (const effect of effectsOf(String(effects))) {
      // What changes a limit does not tell its shard.
      const shard = isRequest ? 0 : (effect.shard ?? shardOf(effect.account, shards));
      const before = latest.get(shard);
      latest.set(shard, effect);
      if (before === undefined || (!isRequest && effect.time >= before.time + microseconds)) continue;
      const first = `account ${before.account}${before.seq === null ? "" : `, seq ${before.seq}`}`;
      const detail = `the command ${command} took effect already: ${first}`;
      findings.add("command-doubled", effect.account, effect.seq, detail);
    }
  }
}

interface Effect {
  readonly account: AccountId;
  readonly seq: number | null;
  /** Microseconds. */
  readonly time: number;
  readonly shard: number | null;
}

const MICROSECONDS_OF_HOUR = 3_600_000_000;
const EFFECTS = z.array(z.tuple([z.string(), z.number().nullable(), z.number(), z.number().nullable()]));

function effectsOf(json: string): Effect[] {
  return EFFECTS.parse(JSON.parse(json)).map(([account, seq, time, shard]) => ({
    account,
    seq,
    time,
    shard,
  }));
}
