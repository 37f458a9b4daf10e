import type { AccountId } from "../../ledger/account.ts";
import type { PartEvent } from "../../ledger/transit.ts";

/** SQL for the open parts, of a shard or of all: shard, attempt, and the event that prepared each, as `text`. */
export function openPartsInSql(shard: number | null): string {
  return `
  SELECT p.shard, p.attempt, j.events[p.event + 1] AS text
  FROM parts AS p JOIN journal AS j ON j.shard = p.shard AND j.g = p.g
  WHERE p.state = 'open' ${shard === null ? "" : `AND p.shard = ${shard}`}`;
}

interface Sums {
  parts: number;
  outgoing: number;
  incoming: number;
  locks: number;
}

/** What open parts of transactions across shards have set aside, by account. */
export class InTransit {
  readonly #sums = new Map<AccountId, Sums>();

  /**
   * Takes the event of a part that is prepared, or has ended.
   *
   * @param of takes it for this account alone; default: for all of the part
   */
  take(event: PartEvent, of: AccountId | null = null): void {
    const sign = event.type === "part" ? 1 : -1;
    for (const [index, { id }] of event.accounts.entries()) {
      if (of !== null && of !== id) continue;
      const { outgoing = 0, incoming = 0, locks = 0 } = event.sides[index] ?? {};
      const sums = this.#sums.get(id) ?? { parts: 0, outgoing: 0, incoming: 0, locks: 0 };
      sums.parts += sign;
      sums.outgoing += sign * outgoing;
      sums.incoming += sign * incoming;
      sums.locks += sign * locks;
      if (sums.parts === 0) this.#sums.delete(id);
      else this.#sums.set(id, sums);
    }
  }

  /** What an account's text in Redis ends with, a space before it; empty where nothing of it is in transit. */
  textOf(account: AccountId): string {
    const sums = this.#sums.get(account);
    return sums === undefined ? "" : ` ${sums.parts} ${sums.outgoing} ${sums.incoming} ${sums.locks}`;
  }

  /** How much of what each account has held is not of a hold. */
  *outgoing(): Iterable<{ readonly account: AccountId; readonly outgoing: number }> {
    for (const [account, { outgoing }] of this.#sums) if (outgoing > 0) yield { account, outgoing };
  }
}

/** An account's text in Redis, in two: the row as in events, and what {@link InTransit.textOf} says. */
export function splitRow(text: string): readonly [string, string] {
  const more = /(?<= [a-z]+ \d+)(?: \d+){4}$/.exec(text);
  return more === null ? [text, ""] : [text.slice(0, more.index), more[0]];
}
