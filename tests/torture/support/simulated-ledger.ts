import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import type { Answer, Operation } from "../../../proof/torture/clients/history.ts";
import type { BooksSnapshot } from "../../../proof/torture/system/system-under-test.ts";

/** A ledger as simple as can be, of plain objects: what it decides is right, one command after the other. */

type Command = Exclude<Operation, { type: "statement" }>;
export type Decided = Extract<Answer, { type: "accepted" | "refused" }>;
export type Entry = BooksSnapshot["entries"][number];
export type Limit = BooksSnapshot["limits"][number];

export interface Books {
  accounts: BooksSnapshot["accounts"][number][];
  entries: Entry[];
  limits: Limit[];
}

interface Account {
  readonly name: string | null;
  readonly command: string;
  readonly entries: Entry[];
  readonly limits: Limit[];
}

interface Applied {
  readonly command: Command;
  readonly key: string | null;
  readonly time: number;
  /** What it was given then, for it to be given the same again. */
  readonly id: string;
  readonly account: number;
}

export const INITIAL_LIMITS = [100_000, 80_000, 1_000_000, 10_000_000, 500_000];

export class SimulatedLedger {
  #accounts = new Map<number, Account>();
  #memory = new Map<string, Decided>();
  #applied: Applied[] = [];
  /** It never falls back: numbers are not given twice. */
  #next = INITIAL_LIMITS.length + 1;
  #requests = 0;

  constructor() {
    this.#begin();
  }

  /** @param time in milliseconds */
  apply(command: Command, key: string | null, time: number): Decided {
    const known = key === null ? undefined : this.#memory.get(key);
    if (known !== undefined) return { ...known, replayed: true };
    const id = key === null ? `req:${(this.#requests += 1)}` : `key:${key}`;
    const account = command.type === "open" ? this.#next : command.account;
    if (command.type === "open") this.#next += 1;
    return this.#do({ command, key, time, id, account });
  }

  statement(account: number, time: number): Answer {
    const found = this.#accounts.get(account);
    if (found === undefined) return { type: "refused", problem: "account-not-found", replayed: false };
    const newest = found.entries.at(-1);
    return {
      type: "statement",
      statement: {
        balance: newest?.balance ?? 0,
        creditLimit: found.limits.at(-1)?.creditLimit ?? 0,
        readAt: isoTime(Math.max(micros(time), newest?.time ?? 0)),
        entries: found.entries
          .slice(-10)
          .toReversed()
          .map(({ kind, value, description, time: at }) => ({ kind, value, description, time: isoTime(at) })),
      },
    };
  }

  /** Forgets its latest changes, and every refusal, as one whose disk was cut and that was restored. */
  forget(changes: number, tell: "batches" | "accounts" | "nothing"): RestoreReport {
    const kept = this.#applied.slice(0, Math.max(0, this.#applied.length - changes));
    const lost = this.#applied.slice(kept.length);
    const was = this.#accounts;
    this.#begin();
    for (const applied of kept) this.#do(applied);
    const accounts = [...was].filter(([number, { entries, limits }]) => {
      const now = this.#accounts.get(number);
      return now?.entries.length !== entries.length || now.limits.length !== limits.length;
    });
    return {
      type: "restored",
      epoch: "next",
      shards: [],
      missing: {
        batches: tell === "batches" && lost.length > 0 ? [{ shard: 0, from: 1, to: lost.length }] : [],
        accounts:
          tell === "accounts"
            ? accounts.map(([account, { entries }]) => ({
                account,
                seq: this.#accounts.get(account)?.entries.length ?? 0,
                balance: 0,
                knownSeq: entries.length,
                knownBalance: 0,
              }))
            : [],
      },
    };
  }

  books(): Books {
    const accounts = [...this.#accounts].toSorted(([a], [b]) => a - b);
    return {
      accounts: accounts.map(([account, { name, command }]) => ({ account, name, command })),
      entries: accounts.flatMap(([, { entries }]) => entries.map((entry) => ({ ...entry }))),
      limits: accounts.flatMap(([, { limits }]) => limits.map((limit) => ({ ...limit }))),
    };
  }

  #begin(): void {
    this.#accounts = new Map();
    this.#memory = new Map();
    this.#applied = [];
    for (const [index, creditLimit] of INITIAL_LIMITS.entries()) {
      this.#open(index + 1, null, creditLimit, "initial");
    }
  }

  #open(account: number, name: string | null, creditLimit: number, command: string): void {
    const limits = [{ account, version: 1, creditLimit, afterSeq: 0, command }];
    this.#accounts.set(account, { name, command, entries: [], limits });
  }

  #do(applied: Applied): Decided {
    const decided = this.#decide(applied);
    if (applied.key !== null) this.#memory.set(applied.key, decided);
    if (decided.type === "accepted") this.#applied.push(applied);
    return decided;
  }

  #decide({ command, time, id, account }: Applied): Decided {
    if (command.type === "open") {
      this.#open(account, command.name, command.creditLimit, id);
      return { type: "accepted", account, creditLimit: command.creditLimit, balance: 0, replayed: false };
    }
    const found = this.#accounts.get(account);
    if (found === undefined) return refused("account-not-found");
    const balance = found.entries.at(-1)?.balance ?? 0;
    if (command.type === "change-limit") {
      const { creditLimit } = command;
      if (balance < -creditLimit) return refused("limit-too-low");
      const version = found.limits.length + 1;
      found.limits.push({ account, version, creditLimit, afterSeq: found.entries.length, command: id });
      return { type: "accepted", account, creditLimit, balance, replayed: false };
    }
    const creditLimit = found.limits.at(-1)?.creditLimit ?? 0;
    const { kind, value, description } = command;
    const after = kind === "credit" ? balance + value : balance - value;
    if (after < -creditLimit) return refused("limit-exceeded");
    const seq = found.entries.length + 1;
    const at = Math.max(micros(time), (found.entries.at(-1)?.time ?? 0) + 1);
    found.entries.push({
      account,
      seq,
      kind,
      value,
      balance: after,
      creditLimit,
      description,
      command: id,
      time: at,
    });
    return { type: "accepted", account, creditLimit, balance: after, replayed: false };
  }
}

function refused(problem: string): Decided {
  return { type: "refused", problem, replayed: false };
}

function micros(milliseconds: number): number {
  return 1_700_000_000_000_000 + Math.floor(milliseconds * 1000);
}

export function isoTime(at: number): string {
  const seconds = new Date(Math.floor(at / 1_000_000) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(at % 1_000_000).padStart(6, "0")}Z`;
}
