import { MONEY_CENTS_MAX } from "../ledger/rules.ts";
import type { FindingName } from "./report/audit-report.ts";

/** An entry as it is stored. Damage may change a number to any value, so they are exact beyond 2^53, too. */
export interface StoredEntry {
  readonly seq: bigint;
  readonly kind: string;
  readonly value: bigint;
  readonly balance: bigint;
  readonly time: bigint;
  /** The limit that is stored with the entry; `null` if limits are not stored with entries. */
  readonly creditLimit: bigint | null;
  /** The limit by the account's limits: the one with the highest version among those with after_seq below this seq. */
  readonly limitInForce: bigint | null;
}

/** The part of the previous entry that is needed for the comparison. */
export type PreviousEntry = Pick<StoredEntry, "seq" | "balance" | "time">;

export interface ChainFault {
  readonly name: FindingName;
  readonly seq: bigint;
  readonly detail: string;
}

const MONEY_MAX = BigInt(MONEY_CENTS_MAX);

/**
 * What is wrong with an entry, compared with the entry stored before it in its account (`null`: it is the first one).
 * The previous entry is taken as it is stored, so that one broken balance does not make all later entries wrong. After a
 * gap or a duplicate the balance cannot be checked.
 */
export function faultsOf(entry: StoredEntry, before: PreviousEntry | null): ChainFault[] {
  const faults: ChainFault[] = [];
  const { seq, kind, value, balance, time, creditLimit, limitInForce } = entry;
  const add = (name: FindingName, at: bigint, detail: string): void => {
    faults.push({ name, seq: at, detail });
  };
  const previous = before ?? { seq: 0n, balance: 0n, time: null };

  if (before !== null && seq === before.seq) {
    add("seq-doubled", seq, "the same seq stands twice");
  } else if (seq !== previous.seq + 1n) {
    const missing = seq - previous.seq - 1n;
    const what = missing === 1n ? "the entry is missing" : `${missing} entries are missing from here on`;
    add("seq-gap", previous.seq + 1n, seq < 1n ? `an entry has seq ${seq}` : what);
  } else if (kind !== "credit" && kind !== "debit") {
    add("balance-broken", seq, `an entry is neither credit nor debit but ${JSON.stringify(kind)}`);
  } else {
    const wanted = kind === "credit" ? previous.balance + value : previous.balance - value;
    if (balance !== wanted) {
      const sign = kind === "credit" ? "+" : "-";
      add(
        "balance-broken",
        seq,
        `${previous.balance} ${sign} ${value} is ${wanted}, the entry has ${balance}`,
      );
    }
  }
  if (value < 1n || value > MONEY_MAX) add("balance-broken", seq, `no entry can have the value ${value}`);
  if (previous.time !== null && time <= previous.time) {
    add("time-not-rising", seq, `its time ${time} is not after ${previous.time}`);
  }
  const limit = creditLimit ?? limitInForce;
  if (limit === null) {
    add("limit-passed", seq, "no limit was in force");
  } else if (balance < -limit) {
    add("limit-passed", seq, `the balance ${balance} is under the limit of ${limit}`);
  } else if (creditLimit !== null && creditLimit !== limitInForce) {
    const inForce = limitInForce === null ? "none" : String(limitInForce);
    add("limit-passed", seq, `it was held to the limit ${creditLimit}, in force was ${inForce}`);
  }
  return faults;
}
