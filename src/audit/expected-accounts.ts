import { z } from "zod";
import type { AccountId } from "../ledger/account.ts";
import { type LedgerEvent, parseEventOrNull } from "../ledger/event.ts";
import { bounds } from "../bounds.ts";
import { EVENT_OF_ENTRY, quote } from "./events.ts";
import { big, bigOrNull, type Row, type Snapshot } from "./books/books-snapshot.ts";
import type { Findings } from "./findings.ts";
import type { OutboxEvent } from "./spill/outbox-spill.ts";
import { integers, texts } from "../keep/pg-array.ts";

/** The expected state of an account: its state in the books, plus the outbox after their cursor. */
export interface ExpectedAccount {
  seq: number;
  balance: bigint;
  limit: bigint;
  readonly unit: string;
  readonly state: string;
  readonly held: bigint;
  readonly openedAt: bigint;
  readonly name: string;
  /** The limits that were in force while the account was at a seq; at least one. */
  readonly limitsAt: (seq: number) => readonly bigint[];
  /** By seq, the texts of the entries that the wanted statement may contain. */
  readonly entries: Map<number, string>;
}

interface LimitVersion {
  readonly limit: bigint;
  readonly afterSeq: number;
}

/**
 * The expected states by account. An account that is not in the books is included if the outbox opens it.
 *
 * @param accounts each with the seq for which its statement is wanted, or 0
 * @param events the events of these accounts in the outbox after the snapshot's cursor; those of each account in order
 */
export async function expectedAccounts(
  books: Snapshot,
  accounts: readonly { readonly account: AccountId; readonly seq: number }[],
  events: Iterable<OutboxEvent>,
  findings: Findings,
): Promise<Map<AccountId, ExpectedAccount>> {
  const expected = new Map<AccountId, ExpectedAccount>();
  const versions = new Map<AccountId, LimitVersion[]>();
  for (const row of await readAccounts(books, accounts)) {
    const account = String(row["account"]);
    const text = row["statement"];
    expected.set(account, {
      seq: Number(row["seq"]),
      balance: big(row["balance"]),
      limit: big(row["credit_limit"]),
      unit: String(row["unit"]),
      state: String(row["state"]),
      held: big(row["held"]),
      openedAt: big(row["opened_at"]),
      name: String(row["name"]),
      limitsAt: (seq) => limitsAt(versions.get(account) ?? [], seq),
      entries: new Map(typeof text === "string" ? entriesOf(text) : []),
    });
  }
  for (const row of await readLimits(books, accounts)) {
    const account = String(row["account"]);
    const version = { limit: bigOrNull(row["credit_limit"]) ?? 0n, afterSeq: Number(row["after_seq"]) };
    versions.set(account, [...(versions.get(account) ?? []), version]);
    // If the account's own row has another limit, that is a finding about the books. Redis is compared with this one.
    const state = expected.get(account);
    if (state !== undefined) state.limit = version.limit;
  }
  const wanted = new Map(accounts.map(({ account, seq }) => [account, seq]));
  for (const { g, text } of events) {
    const event = parseEventOrNull(text);
    if (event === null || event.type === "refusal" || event.type === "missing") continue;
    apply(expected, versions, event, text, g, findings);
    if (event.type !== "entry") continue;
    // Only the entries of the statement are stored: one account may have a million entries here.
    const { account, seq } = event.entry;
    const behind = (wanted.get(account) ?? 0) - seq;
    if (behind >= 0 && behind < bounds.statement_entries_max) expected.get(account)?.entries.set(seq, text);
  }
  return expected;
}

function apply(
  expected: Map<AccountId, ExpectedAccount>,
  versions: Map<AccountId, LimitVersion[]>,
  event: Exclude<LedgerEvent, { type: "refusal" | "missing" }>,
  text: string,
  g: number,
  findings: Findings,
): void {
  const { account } = event.type === "entry" ? event.entry : event;
  const state = expected.get(account);
  if (event.type === "open") {
    if (state !== undefined) {
      findings.add(
        "outbox-gap",
        account,
        null,
        `batch ${g} of the outbox opens an account that is there already`,
      );
      return;
    }
    const limit = BigInt(event.creditLimit);
    versions.set(account, [{ limit, afterSeq: 0 }]);
    expected.set(account, {
      seq: 0,
      balance: 0n,
      limit,
      unit: event.unit,
      state: "open",
      held: 0n,
      openedAt: BigInt(event.time),
      name: event.name ?? "",
      limitsAt: (seq) => limitsAt(versions.get(account) ?? [], seq),
      entries: new Map(),
    });
    return;
  }
  if (state === undefined) {
    findings.add(
      "account-missing",
      account,
      null,
      `batch ${g} of the outbox changes it, and the books do not have it`,
    );
    return;
  }
  if (event.type === "limit") {
    if (event.seq !== state.seq || BigInt(event.balance) !== state.balance) {
      const before = `seq ${state.seq} and balance ${state.balance}`;
      findings.add(
        "outbox-gap",
        account,
        event.seq,
        `batch ${g} of the outbox has ${quote(text)} behind ${before}`,
      );
    }
    state.limit = BigInt(event.creditLimit);
    versions.get(account)?.push({ limit: state.limit, afterSeq: event.seq });
    return;
  }
  const { seq, kind, value, balance } = event.entry;
  const wanted = kind === "credit" ? state.balance + BigInt(value) : state.balance - BigInt(value);
  if (seq !== state.seq + 1 || BigInt(balance) !== wanted || BigInt(event.creditLimit) !== state.limit) {
    const before = `seq ${state.seq}, balance ${state.balance} and limit ${state.limit}`;
    findings.add("outbox-gap", account, seq, `batch ${g} of the outbox has ${quote(text)} behind ${before}`);
  } else if (balance < -event.creditLimit) {
    findings.add("limit-passed", account, seq, `in the outbox the balance ${balance} is under the limit`);
  }
  state.seq = seq;
  state.balance = BigInt(balance);
}

/** The limit for the entry with this seq, and those that were set after it and before the next entry. */
function limitsAt(versions: readonly LimitVersion[], seq: number): bigint[] {
  const before = versions.findLast(({ afterSeq }) => afterSeq < seq);
  const at = versions.filter(({ afterSeq }) => afterSeq === seq);
  return [...(before === undefined ? [] : [before]), ...at].map(({ limit }) => limit);
}

const textsReply = z.array(z.string());

function entriesOf(statement: string): [number, string][] {
  return textsReply.parse(JSON.parse(statement)).map((text) => [Number(text.split(" ", 3)[2]), text]);
}

/** For each account, its row and the ten entries up to the wanted seq. */
async function readAccounts(
  books: Snapshot,
  accounts: readonly { readonly account: AccountId; readonly seq: number }[],
): Promise<Row[]> {
  const ten = bounds.statement_entries_max;
  return books.query(
    `SELECT a.account, a.seq::text, a.balance::text, a.credit_limit::text, a.unit, a.state, a.held::text,
       a.opened_at::text, coalesce(a.name, '') AS name, (
       SELECT json_agg(${EVENT_OF_ENTRY})::text FROM entries AS e
       WHERE e.account = a.account AND w.seq > 0 AND e.seq > w.seq - ${ten} AND e.seq <= w.seq
     ) AS statement
     FROM unnest($1::text::text[], $2::text::bigint[]) AS w (account, seq)
     JOIN accounts AS a ON a.account = w.account`,
    [texts(accounts, ({ account }) => account), integers(accounts, ({ seq }) => seq)],
  );
}

async function readLimits(
  books: Snapshot,
  accounts: readonly { readonly account: AccountId }[],
): Promise<Row[]> {
  return books.query(
    `SELECT account, credit_limit::text, after_seq::text FROM limits
     WHERE account = ANY($1::text::text[]) ORDER BY account, version`,
    [texts(accounts, ({ account }) => account)],
  );
}
