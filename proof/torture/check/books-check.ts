import { WORLD } from "../clients/history.ts";
import type { BooksSnapshot } from "../system/system-under-test.ts";
import type { ReplayedLedger } from "./replayed-ledger.ts";
import type { EntryRow } from "./placed-event.ts";
import { availableOf } from "./command-model.ts";
import type { RoundFindings } from "./round-violations.ts";

interface Kept {
  count: number;
  hash: bigint;
}

/**
 * Checks that the tables of the books are what the journal makes of them, and that each unit's balances, the outside and
 * what is in transit between shards are 0 together. Of entries of earlier rounds only a hash is compared.
 */
export class BooksCheck {
  readonly #kept = new Map<string, Kept>();

  check(books: BooksSnapshot, replay: ReplayedLedger, findings: RoundFindings): void {
    const { history } = replay;
    const accounts = [...history.accounts()].map(({ id, unit, state, creditLimit, balance, held, seq }) =>
      JSON.stringify([id, unit, state, creditLimit, balance, held, seq]),
    );
    const found = books.accounts.map(({ account, unit, state, creditLimit, balance, held, seq }) =>
      JSON.stringify([account, unit, state, creditLimit, balance, held, seq]),
    );
    compare("account", accounts, found, findings);
    const holds = [...history.holds()].map(({ id, from, to, amount, captured, state, expiresAt }) =>
      JSON.stringify([
        id.slice(1).split("-").slice(0, 3).map(Number),
        from,
        to,
        amount,
        captured,
        state,
        expiresAt,
      ]),
    );
    const foundHolds = books.holds.map(
      ({ shard, g, event, account, to, amount, captured, state, expiresAt }) =>
        JSON.stringify([[shard, g, event], account, to ?? WORLD, amount, captured, state, expiresAt]),
    );
    compare("hold", holds, foundHolds, findings);
    const reversals = [...history.transactions()].flatMap(({ id, reversedBy }) =>
      reversedBy === null ? [] : [JSON.stringify([id, reversedBy])],
    );
    const foundReversals = books.reversals.map(({ reversed, reversal }) =>
      JSON.stringify([reversed, reversal]),
    );
    compare("reversal", reversals, foundReversals, findings);
    this.#checkEntries(books.entries, replay, findings);
    checkSums(books, replay, findings);
  }

  #checkEntries(entries: BooksSnapshot["entries"], replay: ReplayedLedger, findings: RoundFindings): void {
    const hashes = new Map<string, Kept>();
    const fresh: string[] = [];
    for (const row of entries) {
      const text = textOf({ ...row, counterparty: row.counterparty ?? WORLD });
      const kept = this.#kept.get(row.account);
      let now = hashes.get(row.account);
      if (now === undefined) hashes.set(row.account, (now = { count: 0, hash: 0n }));
      now.count += 1;
      now.hash = Bun.hash.wyhash(text, now.hash);
      if (now.count > (kept?.count ?? 0)) fresh.push(text);
      else if (now.count === kept?.count && now.hash !== kept.hash)
        findings.add(
          "chain-broken",
          `Account ${row.account}: its entries are not what they were after an earlier round.`,
        );
    }
    const wanted: string[] = [];
    for (const [account, made] of replay.entries) {
      const count = this.#kept.get(account)?.count ?? 0;
      for (const entry of made) if (entry.seq > count) wanted.push(textOf(entry));
    }
    compare("entry", wanted, fresh, findings);
    for (const [account, { count }] of this.#kept) {
      if ((hashes.get(account)?.count ?? 0) >= count) continue;
      findings.counts.lost += 1;
      findings.add(
        "lost",
        `Account ${account} had ${count} entries after an earlier round, and has fewer now.`,
      );
    }
    this.#kept.clear();
    for (const [account, kept] of hashes) this.#kept.set(account, kept);
  }
}

function textOf(row: EntryRow): string {
  const { account, seq, kind, value, balance, description, command, time, counterparty, reference } = row;
  const { shard, g, event } = row;
  return JSON.stringify([
    account,
    seq,
    kind,
    value,
    balance,
    description,
    command,
    time,
    counterparty,
    reference,
    shard,
    g,
    event,
  ]);
}

function compare(
  what: string,
  wanted: readonly string[],
  found: readonly string[],
  findings: RoundFindings,
): void {
  const left = new Set(wanted);
  const seen = new Set<string>();
  for (const row of found) {
    if (seen.has(row)) findings.add("doubled", `The books have the ${what} ${row} twice.`);
    else if (!left.delete(row))
      findings.add(
        "chain-broken",
        `The books have the ${what} ${row}, which does not follow from the journal.`,
      );
    seen.add(row);
  }
  for (const row of left)
    findings.add("chain-broken", `The books lack the ${what} ${row}, which follows from the journal.`);
}

/** By the tables alone. */
function checkSums(books: BooksSnapshot, { world, transits }: ReplayedLedger, findings: RoundFindings): void {
  const sums = new Map(world);
  for (const [unit, sum] of transits.sums) sums.set(unit, (sums.get(unit) ?? 0n) + sum);
  const held = new Map<string, number>();
  for (const { account, amount, state } of books.holds)
    if (state === "open") held.set(account, (held.get(account) ?? 0) + amount);
  for (const row of books.accounts) {
    sums.set(row.unit, (sums.get(row.unit) ?? 0n) + BigInt(row.balance));
    if (availableOf({ ...row, id: row.account, time: 0, openedAt: 0 }) < 0)
      findings.add(
        "limit-passed",
        `Account ${row.account} has less than nothing available: ${JSON.stringify(row)}.`,
      );
    const open = held.get(row.account) ?? 0;
    if (open !== row.held)
      findings.add("held-off", `Account ${row.account} has ${row.held} held, and open holds of ${open}.`);
  }
  for (const [unit, sum] of sums) {
    if (sum !== 0n)
      findings.add(
        "sum-off",
        `The balances of ${unit}, what is outside and what is in transit are ${sum} together, not 0.`,
      );
  }
}
