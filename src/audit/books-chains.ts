import { limits, MONEY_CENTS_MAX } from "../limits.ts";
import { big, bigOrNull, type Row, type Snapshot } from "./books-snapshot.ts";
import { faultsOf } from "./chain.ts";
import type { Findings } from "./findings.ts";

/** Entries behind `above` up to and with `to`, in the order of their key. */
interface Range {
  readonly above: Key;
  readonly to: Key;
}

interface Key {
  readonly account: bigint;
  readonly seq: bigint;
}

const END = 2n ** 63n - 1n;
const BEGINNING: Key = { account: -END, seq: -END };

/** The limit that an entry had to keep, by the account's limits. */
export const LIMIT_IN_FORCE = `(
  SELECT l.credit_limit FROM limits AS l WHERE l.account = e.account AND l.after_seq < e.seq
  ORDER BY l.version DESC LIMIT 1)`;

/**
 * Holds each entry against the one before it, in PostgreSQL, which returns only what does not fit. The limit in force is
 * asked for where an account's entries begin and where they change their own limit; the limits are asked the other way
 * round (see books-accounts.ts). So the two agree for all entries in between.
 *
 * @returns the number of entries
 */
export async function checkChains(
  books: Snapshot,
  findings: Findings,
  onProgress: (done: number, all: number) => void,
): Promise<number> {
  const ordered = await hasKey(books);
  const [row] = await books.query("SELECT coalesce(sum(seq), 0)::text AS entries FROM accounts");
  const all = Number(row?.["entries"]);
  let done = 0;
  onProgress(0, all);
  for (const range of ordered
    ? await rangesOf(books)
    : [{ above: BEGINNING, to: { account: END, seq: END } }]) {
    done += await checkRange(books, findings, range, ordered);
    onProgress(done, Math.max(all, done));
  }
  return done;
}

/** Whether the entries have their key, whose order makes ranges cheap. Somebody may have dropped it. */
async function hasKey(books: Snapshot): Promise<boolean> {
  const found = await books.query(
    "SELECT FROM pg_index WHERE indrelid = 'entries'::regclass AND indisunique AND indisvalid AND indisprimary",
  );
  return found.length > 0;
}

/** Ranges of about the same number of entries, by what the accounts say; they cover whatever entries there are. */
async function rangesOf(books: Snapshot): Promise<Range[]> {
  const size = limits.audit_range_entries;
  const ends = await books.query(`
    SELECT max(account)::text AS account, max(seq)::text AS longest
    FROM (
      SELECT account, seq, floor(sum(seq::numeric) OVER (ORDER BY account) / ${size}) AS part FROM accounts
    ) AS parts GROUP BY part ORDER BY max(account)`);
  const keys: Key[] = [];
  for (const end of ends) {
    const account = big(end["account"]);
    if (big(end["longest"]) > size) keys.push(...(await splitUpTo(books, account)));
    keys.push({ account, seq: END });
  }
  keys.sort((a, b) => Number(a.account - b.account) || Number(a.seq - b.seq));
  return [...keys, { account: END, seq: END }].map((to, index) => ({
    above: keys[index - 1] ?? BEGINNING,
    to,
  }));
}

/** Splits the accounts that are longer than a range, of those that end in the range up to `account`. */
async function splitUpTo(books: Snapshot, account: bigint): Promise<Key[]> {
  const size = limits.audit_range_entries;
  const long = await books.query(
    `SELECT a.account::text, (SELECT max(e.seq) FROM entries AS e WHERE e.account = a.account)::text AS seq
     FROM accounts AS a WHERE a.seq > ${size} AND a.account <= ${account}`,
  );
  return long.flatMap((row) => {
    const parts = Number(bigOrNull(row["seq"]) ?? 0n) / size;
    return Array.from({ length: Math.min(Math.floor(parts), 100_000) }, (_, index) => ({
      account: big(row["account"]),
      seq: BigInt((index + 1) * size),
    }));
  });
}

async function checkRange(
  books: Snapshot,
  findings: Findings,
  range: Range,
  ordered: boolean,
): Promise<number> {
  const { above, to } = range;
  const key = ({ account, seq }: Key): string => `(${account}, ${seq})`;
  const [before] = await books.query(
    // Without the names of the columns in front it would be ordered by the texts.
    `SELECT e.account::text, e.seq::text FROM entries AS e WHERE (e.account, e.seq) <= ${key(above)}
     ORDER BY e.account DESC, e.seq DESC LIMIT 1`,
  );
  const from = before === undefined ? above : { account: big(before["account"]), seq: big(before["seq"]) };
  const bounds = `(account, seq) >= ${key(from)} AND (account, seq) <= ${key(to)}`;
  const chain = `(
    SELECT account, seq, kind, value, balance, credit_limit, time, lag(account) OVER w AS account_before,
      lag(seq) OVER w AS seq_before, lag(balance) OVER w AS balance_before, lag(time) OVER w AS time_before,
      lag(credit_limit) OVER w AS limit_before
    FROM entries WHERE ${bounds} WINDOW w AS (ORDER BY account, seq${ordered ? "" : ", time"})
  ) AS e`;
  const isFaulty = `(${FOLLOWS}) IS NOT TRUE AND (account, seq) > ${key(above)} AND ${FAULTY}`;
  const [sums] = await books.query(`
    SELECT count(*) AS entries, count(*) FILTER (WHERE ${isFaulty}) AS faulty FROM ${chain}`);
  const faulty = Number(sums?.["faulty"]);
  if (faulty > 0) {
    const rows = await books.query(`
      SELECT account::text, seq::text, kind, value::text, balance::text, credit_limit::text, time::text,
        account_before::text, seq_before::text, balance_before::text, time_before::text,
        ${LIMIT_IN_FORCE}::text AS in_force, EXISTS (SELECT FROM accounts AS a WHERE a.account = e.account) AS known
      FROM ${chain} WHERE ${isFaulty} ORDER BY e.account, e.seq LIMIT ${limits.audit_rows_named_max}`);
    for (const row of rows) name(row, findings);
    findings.addUntold(faulty - rows.length);
  }
  return Number(sums?.["entries"]) - (before === undefined ? 0 : 1);
}

const MONEY = `BETWEEN -${MONEY_CENTS_MAX} AND ${MONEY_CENTS_MAX}`;

/**
 * True for an entry that follows the one before it under the same limit: what nearly all do, so it is as few and as
 * cheap comparisons as can be. Another kind than the two makes it NULL. Ranges come first: behind them no sum overflows.
 */
const FOLLOWS = `
  value BETWEEN 1 AND ${MONEY_CENTS_MAX} AND credit_limit >= 0 AND balance BETWEEN -credit_limit AND ${MONEY_CENTS_MAX}
  AND account = account_before AND seq = seq_before + 1 AND time > time_before AND credit_limit = limit_before
  AND balance_before ${MONEY}
  AND balance = balance_before + CASE kind WHEN 'credit' THEN value WHEN 'debit' THEN -value END`;

/** Of those that do not: whether they are wrong. The first of an account and those under a new limit may be right. */
const FAULTY = `
  CASE
    WHEN value NOT BETWEEN 1 AND ${MONEY_CENTS_MAX} OR balance NOT ${MONEY} OR credit_limit NOT ${MONEY}
      OR balance < -credit_limit OR kind NOT IN ('credit', 'debit') THEN true
    WHEN account_before IS DISTINCT FROM account THEN
      seq <> 1 OR balance <> CASE kind WHEN 'credit' THEN value ELSE -value END
      OR credit_limit IS DISTINCT FROM ${LIMIT_IN_FORCE}
      OR NOT EXISTS (SELECT FROM accounts AS a WHERE a.account = e.account)
    WHEN balance_before NOT ${MONEY} OR seq - 1 <> seq_before OR time <= time_before THEN true
    WHEN balance <> balance_before + CASE kind WHEN 'credit' THEN value ELSE -value END THEN true
    WHEN credit_limit <> limit_before THEN credit_limit IS DISTINCT FROM ${LIMIT_IN_FORCE}
    ELSE false
  END`;

function name(row: Row, findings: Findings): void {
  const account = big(row["account"]);
  const entry = {
    account,
    seq: big(row["seq"]),
    kind: String(row["kind"]),
    value: big(row["value"]),
    balance: big(row["balance"]),
    time: big(row["time"]),
    creditLimit: big(row["credit_limit"]),
    limitInForce: bigOrNull(row["in_force"]),
  };
  const first = bigOrNull(row["account_before"]) !== account;
  const before = first
    ? null
    : { seq: big(row["seq_before"]), balance: big(row["balance_before"]), time: big(row["time_before"]) };
  if (first && row["known"] === false) {
    findings.add("account-missing", Number(account), null, "it has entries, and is not among the accounts");
  }
  for (const { name: fault, seq, detail } of faultsOf(entry, before)) {
    findings.add(fault, Number(account), Number(seq), detail);
  }
}
