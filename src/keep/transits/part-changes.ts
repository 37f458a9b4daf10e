import type { AccountId } from "../../ledger/account.ts";
import { WORLD } from "../../ledger/account.ts";
import type { LedgerEvent } from "../../ledger/event.ts";
import { type Place, transactionOf } from "../../ledger/event-results.ts";
import type { EventId } from "../../ledger/transaction.ts";
import type { AttemptId, PartEvent } from "../../ledger/transit.ts";

/** The event that prepared a part. */
export type PreparedPart = Extract<PartEvent, { readonly type: "part" }>;

/** How a part has ended. Named as add_transits reads it; so are the next ones. */
interface PartEnd {
  readonly state: "finished" | "undone";
  readonly transaction: EventId | null;
  readonly ended_g: number;
  readonly ended_event: number;
  readonly ended_at: number;
}

interface NewPart {
  readonly g: number;
  readonly event: number;
  readonly time: number;
  readonly attempt: AttemptId;
}

interface NewTransit extends NewPart {
  readonly transaction: EventId;
  readonly hold: EventId | null;
  readonly shards: readonly number[];
}

/** The argument of add_transits, see the migration. */
export interface TransitChanges {
  readonly parts: readonly (NewPart & ({ readonly state: "open" } | PartEnd))[];
  /** Of parts in the books. */
  readonly ends: readonly (PartEnd & { readonly attempt: AttemptId })[];
  readonly transits: readonly NewTransit[];
  /** `amount` is an integer. */
  readonly from_shards: readonly { readonly unit: string; readonly amount: string }[];
}

export function isPartEvent(event: LedgerEvent): event is PartEvent {
  return event.type === "part" || event.type === "finish" || event.type === "undo";
}

/** What some consecutive batches make of transactions across shards. Nearly always there are none. */
export class PartChanges {
  readonly #open: Map<AttemptId, PreparedPart>;
  /** Each attempt's latest of these batches. */
  readonly #latest = new Map<AttemptId, number>();
  readonly #parts: (NewPart & ({ readonly state: "open" } | PartEnd))[] = [];
  readonly #ends: (PartEnd & { readonly attempt: AttemptId })[] = [];
  readonly #transits: NewTransit[] = [];
  readonly #fromShards = new Map<string, bigint>();

  /** @param inBooks the open parts that the batches end */
  constructor(inBooks: ReadonlyMap<AttemptId, PreparedPart>) {
    this.#open = new Map(inBooks);
  }

  /** `null` if there is nothing to be kept. */
  get changes(): TransitChanges | null {
    if (this.#parts.length + this.#ends.length + this.#transits.length === 0) return null;
    const sums = [...this.#fromShards].filter(([, amount]) => amount !== 0n);
    return {
      parts: this.#parts,
      ends: this.#ends,
      transits: this.#transits,
      from_shards: sums.map(([unit, amount]) => ({ unit, amount: String(amount) })),
    };
  }

  /** @returns why the event does not fit those before it; `null` if it does */
  take(event: PartEvent, { g, index }: Place): string | null {
    const { attempt, time } = event;
    const prepared = this.#open.get(attempt);
    if (event.type === "part") {
      if (prepared !== undefined) return `${attempt} has an open part already`;
      this.#open.set(attempt, event);
      this.#latest.set(attempt, this.#parts.length);
      this.#parts.push({ g, event: index, time, attempt, state: "open" });
      return null;
    }
    const fault = prepared === undefined ? `${attempt} has no open part` : endFault(event, prepared);
    if (fault !== null) return fault;
    const end: PartEnd = {
      state: event.type === "finish" ? "finished" : "undone",
      transaction: event.type === "finish" ? event.transaction : null,
      ended_g: g,
      ended_event: index,
      ended_at: time,
    };
    this.#open.delete(attempt);
    const at = this.#latest.get(attempt);
    const part = at === undefined ? undefined : this.#parts[at];
    if (at === undefined || part === undefined) this.#ends.push({ attempt, ...end });
    else this.#parts[at] = { ...part, ...end };
    if (event.type === "finish") this.#addSums(event);
    return null;
  }

  /** A transaction at home; nothing where it has no parts on other shards. */
  decide(event: Extract<LedgerEvent, { readonly type: "transaction" | "capture" }>, place: Place): void {
    const transaction = event.across === undefined ? null : transactionOf(event, place);
    if (event.across === undefined || transaction === null) return;
    const { attempt, shards } = event.across;
    const { id, hold } = transaction;
    const { g, index } = place;
    this.#transits.push({ attempt, g, event: index, time: event.time, transaction: id, hold, shards });
    this.#addSums(event);
  }

  #addSums(event: Pick<PreparedPart, "postings" | "accounts">): void {
    addFromShards(event, this.#fromShards);
  }
}

/** Adds what a shard's accounts have from those of others, by unit. */
export function addFromShards(
  { postings, accounts }: Pick<PreparedPart, "postings" | "accounts">,
  sums: Map<string, bigint>,
): void {
  const units = new Map<AccountId, string>(accounts.map(({ id, unit }) => [id, unit]));
  for (const { from, to, amount } of postings) {
    if (from === WORLD || to === WORLD || units.has(from) === units.has(to)) continue;
    const unit = units.get(from) ?? units.get(to) ?? "";
    const sum = sums.get(unit) ?? 0n;
    sums.set(unit, units.has(to) ? sum + BigInt(amount) : sum - BigInt(amount));
  }
}

/** Whether the end of a part is of the same accounts and postings, and frees what was set aside. */
export function endFault(event: Exclude<PartEvent, PreparedPart>, prepared: PreparedPart): string | null {
  if (asidesOf(event) !== asidesOf(prepared)) return "it does not free what was set aside";
  if (event.type === "finish" && movesOf(event) !== movesOf(prepared))
    return "its postings are not those that were prepared";
  return null;
}

function asidesOf({ accounts, sides }: PartEvent): string {
  const texts = accounts.map(({ id }, index) => {
    const { outgoing = 0, incoming = 0, locks = 0 } = sides[index] ?? {};
    return `${id} ${outgoing} ${incoming} ${locks}`;
  });
  return texts.toSorted().join(",");
}

function movesOf({ postings }: Pick<PreparedPart, "postings">): string {
  return postings.map(({ from, to, amount }) => `${from} ${to} ${amount}`).join(",");
}
