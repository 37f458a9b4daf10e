import type { Metadata, Micros, Party } from "../../../src/ledger/account.ts";
import { compareRanks, rankOf } from "../../../src/ledger/account-order.ts";
import {
  type Account,
  type AccountId,
  CONTEST_UNIT,
  INITIAL_CREDIT_LIMITS,
  WORLD,
} from "../../../src/ledger/account.ts";
import { bearerOf, type Command, contentOf, isClientKey } from "../../../src/ledger/command.ts";
import type { KeptEntry } from "../../../src/ledger/entry.ts";
import type {
  AccountFilter,
  AllOrNone,
  BalanceAt,
  EntriesPage,
  HoldFilter,
  KeptTransaction,
  Ledger,
  LedgerTotals,
  Listed,
  ListPage,
  Outcome,
  Readiness,
  Statement,
  TransactionFilter,
} from "../../../src/ledger/ledger.ts";
import { isOwnAccount, isOwnHold, isOwnTransaction } from "../../../src/ledger/own-accounts.ts";
import type { Hold, Transaction } from "../../../src/ledger/transaction.ts";
import { type Decided, MemoryDecider, type MemoryState } from "./memory-decider.ts";

/**
 * A ledger in memory, for tests of the edge: it decides by the rules, and remembers every id. It is asked for nothing
 * that needs a shape, a file or a server.
 */
export class MemoryLedger implements Ledger {
  /** What it says of itself; a test may change it. */
  state: Readiness = { ready: true };
  shardsAway: readonly number[] = [];
  #state: MemoryState = {
    accounts: new Map(),
    holds: new Map(),
    transactions: new Map(),
    entries: [],
    outcomes: new Map(),
    g: 0,
  };
  /** Every command that was submitted, in order. */
  readonly commands: Command[] = [];
  /** The ids that were read. */
  readonly asked: string[] = [];
  /** Asked at each call: what it fails with, if it does. */
  fails: () => Error | null = () => null;

  /** With the accounts 1 to 5 of the contest. */
  static async withInitialAccounts(): Promise<MemoryLedger> {
    const ledger = new MemoryLedger();
    for (const [index, creditLimit] of INITIAL_CREDIT_LIMITS.entries()) {
      const account = String(index + 1);
      const nothing = { name: null, metadata: {} };
      await ledger.submit({
        type: "open",
        id: `req:${account}`,
        account,
        unit: CONTEST_UNIT,
        creditLimit,
        ...nothing,
      });
    }
    return ledger;
  }

  submit(command: Command): Promise<Outcome> {
    return this.#answer(() => {
      this.commands.push(command);
      return this.#decided(command);
    });
  }

  submitEach(commands: readonly Command[]): Promise<readonly PromiseSettledResult<Outcome>[]> {
    return Promise.allSettled(commands.map((command) => this.submit(command)));
  }

  submitAll(commands: readonly Command[]): Promise<AllOrNone> {
    return this.#answer(() => {
      this.commands.push(...commands);
      const bearer = bearerOf(commands);
      const known = bearer === null ? undefined : this.#state.outcomes.get(bearer.id);
      if (bearer !== null && known !== undefined && known.content !== contentOf(bearer)) {
        const refused = { refusal: "key-reused", account: null, index: null, other: null } as const;
        return { type: "refused", index: commands.indexOf(bearer), refused, replayed: false };
      }
      if (known?.decided.type === "refused") {
        const { type: _, command: index, ...refused } = known.decided;
        if (index !== undefined) return { type: "refused", index, refused, replayed: true };
      }
      const before = structuredClone(this.#state);
      const outcomes: Outcome[] = [];
      for (const [index, command] of commands.entries()) {
        const outcome = this.#decided(command);
        outcomes.push(outcome);
        if (outcome.type === "accepted") continue;
        const { type: _, replayed, ...refused } = outcome;
        this.#state = before;
        const key = known === undefined && bearer !== null ? bearer : command;
        if (!replayed && isClientKey(key.id) && refused.refusal !== "key-reused")
          this.#state.outcomes.set(key.id, {
            content: contentOf(key),
            decided: { type: "refused", ...refused, ...(key === bearer ? { command: index } : {}) },
          });
        return { type: "refused", index, refused, replayed };
      }
      return { type: "done", outcomes };
    });
  }

  account(id: AccountId): Promise<Account | null> {
    return this.#read(id, () => this.#decider().account(id));
  }

  statement(id: AccountId): Promise<Statement | null> {
    return this.#read(id, () => {
      const account = this.#decider().account(id);
      const entries = this.#entriesOf(id).toReversed().slice(0, 10);
      return account === null ? null : { account, entries, readAt: this.#now() };
    });
  }

  entries(id: AccountId, page: EntriesPage): Promise<readonly KeptEntry[] | null> {
    return this.#read(id, () => {
      if (this.#decider().account(id) === null) return null;
      const all = this.#entriesOf(id).filter(
        ({ seq, time }) =>
          seq >= (page.from ?? 0) &&
          seq < (page.before ?? Infinity) &&
          time >= (page.fromTime ?? 0) &&
          time < (page.beforeTime ?? Infinity),
      );
      return (page.order === "asc" ? all : all.toReversed()).slice(0, page.count);
    });
  }

  transaction(id: string): Promise<KeptTransaction | null> {
    return this.#read(id, () => {
      const transaction = this.#state.transactions.get(id);
      if (transaction === undefined) return null;
      const reversal = [...this.#state.transactions.values()].find(({ reverses }) => reverses === id);
      return { transaction, reversedBy: reversal?.id ?? null };
    });
  }

  hold(id: string): Promise<Hold | null> {
    return this.#read(id, () => {
      this.#decider().expire();
      return this.#state.holds.get(id) ?? null;
    });
  }

  balanceAt(id: AccountId, time: Micros): Promise<BalanceAt | null> {
    return this.#read(id, () => {
      const account = this.#decider().account(id);
      const entry = this.#entriesOf(id).findLast((one) => one.time <= time);
      if (account === null) return null;
      return { id, unit: account.unit, balance: entry?.balance ?? 0, seq: entry?.seq ?? 0 };
    });
  }

  accounts(filter: AccountFilter, page: ListPage): Promise<Listed<Account>> {
    return this.#read("accounts", () => {
      const accounts = [...this.#state.accounts.keys()]
        .toSorted()
        .flatMap((id) => this.#decider().account(id) ?? [])
        .filter(
          (account) =>
            isOwnAccount(filter.idBeginning, account.id) &&
            (filter.unit === null || account.unit === filter.unit) &&
            (filter.state === null || account.state === filter.state) &&
            (filter.name === null || account.name?.startsWith(filter.name) === true) &&
            hasAll(account.metadata, filter.metadata) &&
            account.balance < (filter.balanceLessThan ?? Infinity) &&
            account.balance > (filter.balanceGreaterThan ?? -Infinity),
        )
        .toSorted((a, b) => compareRanks(rankOf(filter.order, a), rankOf(filter.order, b)));
      return paged(accounts, page);
    });
  }

  transactions(filter: TransactionFilter, page: ListPage): Promise<Listed<Transaction>> {
    return this.#read("transactions", () => {
      const all = [...this.#state.transactions.values()]
        .toReversed()
        .filter(
          ({ reference, postings, time }) =>
            isOwnTransaction(filter.idBeginning, { postings }) &&
            (filter.reference === null || reference === filter.reference) &&
            (filter.account === null || postings.some((posting) => names(posting, filter.account ?? ""))) &&
            time >= (filter.fromTime ?? 0) &&
            time < (filter.beforeTime ?? Infinity),
        );
      return paged(all, page);
    });
  }

  holds(filter: HoldFilter, page: ListPage): Promise<Listed<Hold>> {
    return this.#read("holds", () => {
      const all = [...this.#state.holds.values()]
        .toReversed()
        .filter(
          ({ from, to, state }) =>
            isOwnHold(filter.idBeginning, { from, to }) &&
            (filter.account === null || from === filter.account) &&
            (filter.state === null || state === filter.state),
        );
      return paged(all, page);
    });
  }

  totals(): Promise<LedgerTotals> {
    return this.#read("totals", () => {
      const sums = new Map<string, bigint>();
      for (const { unit, balance } of this.#state.accounts.values())
        sums.set(unit, (sums.get(unit) ?? 0n) + BigInt(balance));
      return {
        accounts: this.#state.accounts.size,
        transactions: this.#state.transactions.size,
        units: [...sums].map(([unit, balances]) => ({ unit, balances, world: -balances, inTransit: 0n })),
        lagMilliseconds: 0,
        ...(this.shardsAway.length === 0 ? {} : { shardsAway: this.shardsAway }),
      };
    });
  }

  readiness(): Readiness {
    return this.state;
  }

  async close(): Promise<void> {}

  #decided(command: Command): Outcome {
    const { outcomes } = this.#state;
    const content = contentOf(command);
    const seen = outcomes.get(command.id);
    const reused = { refusal: "key-reused", account: null, index: null, other: null } as const;
    if (seen !== undefined) {
      if (isClientKey(command.id) && seen.content !== content) {
        return { type: "refused", replayed: false, ...reused };
      }
      return { ...seen.decided, replayed: true };
    }
    const decided: Decided = this.#decider().decide(command);
    const isDryRun = command.type === "transaction" && command.isDryRun;
    if (!isDryRun) outcomes.set(command.id, { content, decided });
    return { ...decided, replayed: false };
  }

  #decider(): MemoryDecider {
    return new MemoryDecider(this.#state, this.#now());
  }

  #now(): Micros {
    return Date.now() * 1000;
  }

  #entriesOf(id: AccountId): KeptEntry[] {
    return this.#state.entries.filter(({ account }) => account === id);
  }

  #read<T>(id: string, reading: () => T): Promise<T> {
    this.asked.push(id);
    return this.#answer(reading);
  }

  /** Never in the same turn, as no real ledger does. */
  async #answer<T>(work: () => T): Promise<T> {
    await Promise.resolve();
    const failure = this.fails();
    if (failure !== null) throw failure;
    return work();
  }
}

function paged<Item extends { readonly id: string }>(all: readonly Item[], page: ListPage): Listed<Item> {
  const start = page.after === null ? 0 : all.findIndex(({ id }) => id === page.after) + 1;
  const items = all.slice(start, start + page.count);
  return { items, next: start + page.count < all.length ? (items.at(-1)?.id ?? null) : null };
}

function names(posting: { readonly from: Party; readonly to: Party }, id: AccountId): boolean {
  return posting.from === id || (posting.to === id && id !== WORLD);
}

function hasAll(metadata: Metadata, wanted: Metadata): boolean {
  return Object.entries(wanted).every(([name, text]) => metadata[name] === text);
}
