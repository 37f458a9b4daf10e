import type { LedgerEvent } from "../../ledger/event.ts";
import { type Place, transactionOf } from "../../ledger/event-results.ts";
import type { PartEvent } from "../../ledger/transit.ts";
import { endFault, type PreparedPart } from "../../keep/transits/part-changes.ts";
import type { OnMisfit } from "./journal-accounts.ts";
import { PART, PART_END, type RowKind, TRANSIT } from "./row-sums.ts";

/** Called with a row that is made: its kind, what it is of, and its text. */
type OnPartRow = (kind: RowKind, key: string, text: string) => void;

/** Makes the rows of transactions across shards from the journal's events, and follows each part from its beginning to its end. */
export class PartRows {
  readonly #onRow: OnPartRow;
  readonly #onMisfit: OnMisfit;
  /** By shard and attempt. */
  readonly #open = new Map<string, { readonly key: string; readonly prepared: PreparedPart }>();

  constructor(onRow: OnPartRow, onMisfit: OnMisfit) {
    this.#onRow = onRow;
    this.#onMisfit = onMisfit;
  }

  take(event: PartEvent, { shard, g, index }: Place): void {
    const { attempt, time } = event;
    const name = `${shard} ${attempt}`;
    const open = this.#open.get(name);
    if (event.type === "part") {
      if (open !== undefined) this.#misfit(event, "is prepared a second time");
      const key = `${shard}-${g}-${index}`;
      this.#open.set(name, { key, prepared: event });
      this.#onRow(PART, key, ["q", key, attempt, time].join(" "));
      return;
    }
    if (open === undefined) {
      this.#misfit(event, `has a second end, or was not prepared: ${event.type}`);
      return;
    }
    const fault = endFault(event, open.prepared);
    if (fault !== null) this.#misfit(event, `ends otherwise than it was prepared: ${fault}`);
    this.#open.delete(name);
    const state = event.type === "finish" ? "finished" : "undone";
    const transaction = event.type === "finish" ? event.transaction : "-";
    const text = ["k", open.key, attempt, state, transaction, g, index, time];
    this.#onRow(PART_END, open.key, text.join(" "));
  }

  /** A decision at home; nothing where it is of one shard. */
  decide(event: Extract<LedgerEvent, { readonly type: "transaction" | "capture" }>, place: Place): void {
    const transaction = event.across === undefined ? null : transactionOf(event, place);
    if (event.across === undefined || transaction === null) return;
    const { attempt, shards } = event.across;
    const at = `${place.shard}-${place.g}-${place.index}`;
    const text = ["w", attempt, at, event.time, transaction.id, transaction.hold ?? "-", shards.join(",")];
    this.#onRow(TRANSIT, attempt, text.join(" "));
  }

  #misfit(event: PartEvent, what: string): void {
    const [account] = event.accounts;
    if (account !== undefined)
      this.#onMisfit("transit-broken", account, `the part of the attempt ${event.attempt} ${what}`);
  }
}
