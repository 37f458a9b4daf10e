import { z } from "zod";
import type { AccountId, AccountState } from "../ledger/account.ts";
import { type LedgerEvent, parseEventOrNull } from "../ledger/event.ts";
import { bounds } from "../bounds.ts";
import { openingHash } from "../ledger/content-hash.ts";
import { quote, STATEMENT_OF_ENTRY, statementTexts } from "./events.ts";
import { detailsText } from "./journal/row-texts.ts";
import { big, type Row, type Snapshot } from "./books/books-snapshot.ts";
import type { Findings } from "./findings.ts";
import type { OutboxEvent } from "./spill/outbox-spill.ts";
import { integers, texts } from "../keep/pg-array.ts";
import { InTransit, openPartsInSql } from "../keep/transits/in-transit.ts";
import { isPartEvent } from "../keep/transits/part-changes.ts";

/** The expected state of an account: its state in the books, plus the outbox after their cursor. */
export interface ExpectedAccount {
  seq: number;
  balance: bigint;
  limit: bigint;
  readonly unit: string;
  /** State, limit, what is held, opening, details, and what is in transit: see {@link standingText}. */
  standing: string;
  readonly opening: string;
  details: string;
  readonly openedAt: bigint;
  /** By seq, the texts of the entries that the wanted statement may contain. */
  readonly entries: Map<number, string>;
}

/** An event in the outbox, as far as it is about one account. */
export interface AccountEvent extends OutboxEvent {
  readonly account: AccountId;
}

/**
 * The expected states by account. An account that is not in the books is included if the outbox opens it.
 *
 * @param accounts each with the seq for which its statement is wanted, or 0
 * @param events the events of these accounts in the outbox after the snapshot's cursor; those of each account in order
 * @param inTransit what the snapshot has of it; it takes the events
 */
export async function expectedAccounts(
  books: Snapshot,
  accounts: readonly { readonly account: AccountId; readonly seq: number }[],
  events: Iterable<AccountEvent>,
  inTransit: InTransit,
  findings: Findings,
): Promise<Map<AccountId, ExpectedAccount>> {
  const expected = new Map<AccountId, ExpectedAccount>();
  for (const row of await readAccounts(books, accounts)) {
    const account = String(row["account"]);
    const text = row["statement"];
    expected.set(account, {
      seq: Number(row["seq"]),
      balance: big(row["balance"]),
      limit: big(row["credit_limit"]),
      unit: String(row["unit"]),
      standing: withTransit(String(row["standing"]), inTransit.textOf(account)),
      opening: String(row["opening"]),
      details: String(row["details"]),
      openedAt: big(row["opened_at"]),
      entries: new Map(typeof text === "string" ? entriesOf(text) : []),
    });
  }
  const wanted = new Map(accounts.map(({ account, seq }) => [account, seq]));
  for (const { account, g, text } of events) {
    const event = parseEventOrNull(text);
    if (event === null || event.type === "refusal" || event.type === "missing") continue;
    if (isPartEvent(event)) inTransit.take(event, account);
    apply(expected, event, { account, g, text }, inTransit.textOf(account), findings);
    // Only the entries of the statement are stored: one account may have a million entries here.
    for (const { account: of, seq, text: entry } of statementTexts(event)) {
      const behind = (wanted.get(account) ?? 0) - seq;
      if (of === account && behind >= 0 && behind < bounds.statement_entries_max)
        expected.get(account)?.entries.set(seq, entry);
    }
  }
  return expected;
}

function apply(
  expected: Map<AccountId, ExpectedAccount>,
  event: Exclude<LedgerEvent, { type: "refusal" | "missing" }>,
  { account, g, text }: AccountEvent,
  inTransit: string,
  findings: Findings,
): void {
  if (event.type === "open") {
    if (expected.has(account)) {
      const detail = `batch ${g} of the outbox opens an account that is there already`;
      findings.add("outbox-gap", account, null, detail);
      return;
    }
    const limit = BigInt(event.creditLimit);
    const [opening, details] = [openingHash(event), detailsText(event)];
    expected.set(account, {
      seq: 0,
      balance: 0n,
      limit,
      unit: event.unit,
      standing: standingText({ state: "open", creditLimit: limit, held: 0, opening, details, inTransit }),
      opening,
      details,
      openedAt: BigInt(event.time),
      entries: new Map(),
    });
    return;
  }
  for (const after of accountsAfter(event)) {
    if (after.id !== account) continue;
    const state = expected.get(account);
    if (state === undefined) {
      const detail = `batch ${g} of the outbox changes it, and the books do not have it`;
      findings.add("account-missing", account, null, detail);
      continue;
    }
    const entries = statementTexts(event).filter((entry) => entry.account === account).length;
    const change = changeOf(event, account);
    const isNew = event.type !== "change" && BigInt(after.creditLimit) !== state.limit;
    if (after.seq !== state.seq + entries || BigInt(after.balance) !== state.balance + change || isNew) {
      const before = `seq ${state.seq}, balance ${state.balance} and limit ${state.limit}`;
      const detail = `batch ${g} of the outbox has ${quote(text)} behind ${before}`;
      findings.add("outbox-gap", account, after.seq, detail);
    } else if (entries > 0 && change < 0n && after.balance - after.held < -after.creditLimit) {
      findings.add(
        "limit-passed",
        account,
        after.seq,
        `in the outbox the balance ${after.balance} is under the limit`,
      );
    }
    if (event.type === "change") state.details = detailsText(event);
    state.limit = BigInt(after.creditLimit);
    state.seq = after.seq;
    state.balance = BigInt(after.balance);
    state.standing = standingText({ ...state, ...after, inTransit });
  }
}

type StandingAfter = Omit<AccountState, "time" | "unit" | "openedAt">;

/** The accounts that an event changes, as they are after it. */
export function accountsAfter(
  event: Exclude<LedgerEvent, { type: "refusal" | "missing" | "open" }>,
): readonly StandingAfter[] {
  switch (event.type) {
    case "entry": {
      const { account: id, seq, balance } = event.entry;
      return [{ id, seq, balance, creditLimit: event.creditLimit, held: 0, state: "open" }];
    }
    case "transaction":
    case "capture":
    case "part":
    case "finish":
    case "undo":
      return event.accounts;
    case "change":
    case "hold":
    case "release":
    case "expiry":
      return [event.account];
  }
}

/** By how much it changes the balance. */
function changeOf(event: LedgerEvent, account: AccountId): bigint {
  if (event.type === "entry")
    return BigInt(event.entry.kind === "credit" ? event.entry.value : -event.entry.value);
  if (event.type !== "transaction" && event.type !== "capture" && event.type !== "finish") return 0n;
  let change = 0n;
  for (const { from, to, amount } of event.postings) {
    if (from === account) change -= BigInt(amount);
    if (to === account) change += BigInt(amount);
  }
  return change;
}

/** What may change of an account without a new entry, and what it was opened with. */
export function standingText(account: {
  readonly state: string;
  readonly creditLimit: number | bigint;
  readonly held: number;
  readonly opening: string;
  readonly details: string;
  /** See InTransit; empty for nothing. */
  readonly inTransit: string;
}): string {
  const { state, creditLimit, held, opening, details, inTransit } = account;
  return withTransit(`${state} ${creditLimit} ${held} ${opening} ${details}`, inTransit);
}

/** In front, since what is told to a person is cut at its end. */
export function withTransit(standing: string, inTransit: string): string {
  return inTransit === "" ? standing : `(in transit${inTransit}) ${standing}`;
}

/** What open parts of a shard, or of all, set aside in this snapshot. */
export async function inTransitOf(books: Snapshot, shard: number | null): Promise<InTransit> {
  const rows = await books.query(openPartsInSql(shard));
  return inTransitIn(rows.map((row) => row["text"]));
}

/** @param events texts of those that have prepared what is open; what is none is a finding elsewhere */
export function inTransitIn(events: readonly unknown[]): InTransit {
  const inTransit = new InTransit();
  for (const text of events) {
    const event = typeof text === "string" ? parseEventOrNull(text) : null;
    if (event?.type === "part") inTransit.take(event);
  }
  return inTransit;
}

/** SQL for the limit of `accounts AS a`. Where its row has another, that is a finding about the books. */
const LIMIT_OF_ACCOUNT = `coalesce(
  (SELECT l.credit_limit FROM limits AS l WHERE l.account = a.account ORDER BY l.version DESC LIMIT 1), a.credit_limit)`;

/** SQL for {@link standingText} of `accounts AS a`, without what is in transit. */
export const STANDING_OF_ACCOUNT = `concat_ws(' ', a.state, ${LIMIT_OF_ACCOUNT}, a.held, a.opening, a.metadata::text, a.name)`;

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
    `SELECT a.account, a.seq::text, a.balance::text, ${LIMIT_OF_ACCOUNT}::text AS credit_limit, a.unit, a.opening,
       ${STANDING_OF_ACCOUNT} AS standing, concat_ws(' ', a.metadata::text, a.name) AS details, a.opened_at::text, (
       SELECT json_agg(${STATEMENT_OF_ENTRY})::text FROM entries AS e
       WHERE e.account = a.account AND w.seq > 0 AND e.seq > w.seq - ${ten} AND e.seq <= w.seq
     ) AS statement
     FROM unnest($1::text::text[], $2::text::bigint[]) AS w (account, seq)
     JOIN accounts AS a ON a.account = w.account`,
    [texts(accounts, ({ account }) => account), integers(accounts, ({ seq }) => seq)],
  );
}
