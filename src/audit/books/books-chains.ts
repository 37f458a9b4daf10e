import { bounds } from "../../bounds.ts";
import type { AccountId } from "../../ledger/account.ts";
import { texts } from "../../keep/pg-array.ts";
import { big, bigOrNull, type Row, type Snapshot } from "./books-snapshot.ts";
import { faultsOf } from "../chain.ts";
import type { Findings } from "../findings.ts";

/** SQL for the limit that was in force for an entry, by the account's limits. */
export const LIMIT_IN_FORCE = `(
  SELECT l.credit_limit FROM limits AS l WHERE l.account = e.account AND l.after_seq < e.seq
  ORDER BY l.version DESC LIMIT 1)`;

/**
 * Compares each entry of these accounts with the one before it. PostgreSQL does this and returns only what does not fit.
 * The limit in force is looked up only for an account's first entry and for entries whose stored limit changes. The
 * opposite, that each limit change shows in the entries, is checked in books-accounts.ts. So the two agree for all
 * entries in between.
 */
export async function checkChains(
  books: Snapshot,
  accounts: readonly AccountId[],
  findings: Findings,
): Promise<void> {
  const parameters = [texts(accounts, (account) => account)];
  // The rows are counted in the same query, so that the window functions are computed only once.
  const rows = await books.query(
    `SELECT account, seq::text, kind, value::text, balance::text, credit_limit::text, time::text,
       seq_before::text, balance_before::text, time_before::text, in_force::text, known,
       count(*) OVER ()::text AS faulty
     FROM (${FAULTY}) AS faulty ORDER BY faulty.account, faulty.seq LIMIT ${bounds.audit_rows_named_max}`,
    parameters,
  );
  for (const row of rows) reportEntry(row, findings);
  findings.addUnlisted(Number(rows[0]?.["faulty"] ?? 0) - rows.length);
}

/** Uses numeric where sums of damaged numbers could overflow. */
const FAULTY = `
  SELECT e.*, ${LIMIT_IN_FORCE} AS in_force,
    EXISTS (SELECT FROM accounts AS a WHERE a.account = e.account) AS known
  FROM (
    SELECT account, seq, kind, value, balance, credit_limit, time, lag(seq) OVER w AS seq_before, lag(balance) OVER w AS balance_before, lag(time) OVER w AS time_before,
      lag(credit_limit) OVER w AS limit_before
    FROM entries WHERE account = ANY($1::text::text[]) WINDOW w AS (PARTITION BY account ORDER BY seq, time)
  ) AS e
  WHERE value NOT BETWEEN 1 AND 9007199254740991 OR kind NOT IN ('credit', 'debit') OR balance < -credit_limit::numeric
    OR seq <> coalesce(seq_before, 0) + 1 OR time <= time_before
    OR balance <> coalesce(balance_before, 0)::numeric + CASE kind WHEN 'credit' THEN value ELSE -value::numeric END
    OR CASE WHEN credit_limit IS DISTINCT FROM limit_before THEN credit_limit IS DISTINCT FROM ${LIMIT_IN_FORCE} END
    OR seq_before IS NULL AND NOT EXISTS (SELECT FROM accounts AS a WHERE a.account = e.account)`;

function reportEntry(row: Row, findings: Findings): void {
  const account = String(row["account"]);
  const entry = {
    seq: big(row["seq"]),
    kind: String(row["kind"]),
    value: big(row["value"]),
    balance: big(row["balance"]),
    time: big(row["time"]),
    creditLimit: big(row["credit_limit"]),
    limitInForce: bigOrNull(row["in_force"]),
  };
  const seqBefore = bigOrNull(row["seq_before"]);
  const before =
    seqBefore === null
      ? null
      : { seq: seqBefore, balance: big(row["balance_before"]), time: big(row["time_before"]) };
  if (before === null && row["known"] === false) {
    findings.add("account-missing", account, null, "it has entries, and is not among the accounts");
  }
  for (const { name: fault, seq, detail } of faultsOf(entry, before)) {
    findings.add(fault, account, Number(seq), detail);
  }
}
