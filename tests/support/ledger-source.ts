import type { RedisClient } from "bun";
import type { Batch } from "../../src/carry/batch.ts";
import {
  type AccountId,
  type AccountState,
  type AccountStatus,
  INITIAL_CREDIT_LIMITS,
  type Metadata,
  type Party,
  WORLD,
} from "../../src/ledger/account.ts";
import type { CommandId } from "../../src/ledger/command.ts";
import { formatEvent } from "../../src/ledger/event.ts";
import {
  type Details,
  type EventId,
  NO_DETAILS,
  type Posting,
  type PostingDone,
} from "../../src/ledger/transaction.ts";
import { eventId } from "../../src/ledger/event-id.ts";

interface SourceAccount {
  unit: string;
  balance: number;
  held: number;
  seq: number;
  limit: number;
  state: AccountStatus;
  time: number;
  openedAt: number;
  name: string | null;
  metadata: Metadata;
}

interface Asked extends Partial<Details> {
  readonly id?: CommandId;
  readonly content?: string;
}

/**
 * Makes up batches as the deciding function does, for accounts 1 to 5 and those that it opens. It refuses nothing. Events
 * have to be closed into a batch in the order in which they were made, since ids of transactions and holds are places.
 */
export class LedgerSource {
  readonly epoch: string;
  readonly shard: number;
  readonly accounts = new Map<AccountId, SourceAccount>();
  readonly #holds = new Map<EventId, { readonly account: AccountId; readonly amount: number }>();
  g = 0;
  /** From here its times go on, in µs. */
  began = 1_700_000_000_000_000;
  /** Entries in all batches so far. */
  entries = 0;
  /** Of the latest event: that of a transaction or a hold is made of its place. */
  #index = -1;
  #latestTime = 0;

  constructor(epoch: string, shard = 0) {
    this.epoch = epoch;
    this.shard = shard;
    for (const [index, limit] of INITIAL_CREDIT_LIMITS.entries()) this.#add(String(index + 1), limit, 1);
  }

  /** A batch of entries, one for each of `values` in cents: over 0 a credit, under 0 a debit. */
  batch(account: AccountId, ...values: readonly number[]): Batch {
    return this.close(values.map((value) => this.entry(account, value)));
  }

  /** A batch of these events. */
  close(events: readonly string[]): Batch {
    this.g += 1;
    this.#index = -1;
    return { epoch: this.epoch, shard: this.shard, g: this.g, events };
  }

  /** The id of the transaction, or the hold, that was made last. */
  get latest(): { readonly transaction: EventId; readonly hold: EventId } {
    const id = (letter: "t" | "h") => eventId(letter, this.shard, this.g + 1, this.#index, this.#latestTime);
    return { transaction: id("t"), hold: id("h") };
  }

  entry(account: AccountId, value: number, description = "a b\n\"c'\\"): string {
    const state = this.#account(account);
    const time = this.#now();
    const { seq, balance } = this.#enter(account, value, time);
    const kind = value > 0 ? "c" : "d";
    return `${kind} ${account} ${seq} ${time} ${Math.abs(value)} ${balance} ${state.limit} req:${account}-${seq} ${description}`;
  }

  open(
    account: AccountId,
    limit: number,
    name: string | null = null,
    { unit = "BRL/2", metadata = {} }: { readonly unit?: string; readonly metadata?: Metadata } = {},
  ): string {
    const time = this.#now();
    Object.assign(this.#add(account, limit, time), { unit, name, metadata });
    const opened = { type: "open", account, time, creditLimit: limit, unit } as const;
    return formatEvent({ ...opened, id: `key:open-${account}`, content: "content", name, metadata });
  }

  limit(account: AccountId, limit: number): string {
    return this.change(account, { limit }, `req:limit-${account}`);
  }

  change(
    account: AccountId,
    change: Partial<Pick<SourceAccount, "limit" | "state" | "name" | "metadata">>,
    id: CommandId = `req:change-${account}`,
  ): string {
    const { name, metadata } = Object.assign(this.#account(account), change);
    const time = this.#now();
    return formatEvent({
      type: "change",
      time,
      account: this.#row(account),
      id,
      content: null,
      name,
      metadata,
    });
  }

  transaction(
    postings: readonly (readonly [Party, Party, number])[],
    {
      reverses = null,
      id = "req:t",
      content,
      ...details
    }: Asked & { readonly reverses?: EventId | null } = {},
  ): string {
    const time = this.#now();
    const moved = this.#move(
      postings.map(([from, to, amount]) => ({ from, to, amount })),
      time,
    );
    const asked = { id, content: content ?? null, ...NO_DETAILS, ...details };
    return formatEvent({ type: "transaction", time, ...moved, reverses, ...asked });
  }

  hold(
    from: AccountId,
    amount: number,
    { to = WORLD, id = "req:h", content, ...details }: Asked & { readonly to?: Party } = {},
  ): string {
    const time = this.#now();
    this.#account(from).held += amount;
    this.#holds.set(this.latest.hold, { account: from, amount });
    const asked = { id, content: content ?? null, ...NO_DETAILS, ...details };
    const expiresAt = time + 600_000_000;
    return formatEvent({ type: "hold", time, to, amount, expiresAt, account: this.#row(from), ...asked });
  }

  /** @param parts to and amount of each */
  capture(
    hold: EventId,
    parts: readonly (readonly [Party, number])[],
    { id = "req:p", content, ...details }: Asked = {},
  ): string {
    const time = this.#now();
    const from = this.#end(hold);
    const { postings, accounts } = this.#move(
      parts.map(([to, amount]) => ({ from, to, amount })),
      time,
    );
    const payer = this.#row(from);
    const others = accounts.filter((account) => account.id !== from);
    const asked = { id, content: content ?? null, ...NO_DETAILS, ...details };
    return formatEvent({ type: "capture", time, hold, postings, accounts: [payer, ...others], ...asked });
  }

  release(hold: EventId, { id = "req:r", content }: Pick<Asked, "id" | "content"> = {}): string {
    const time = this.#now();
    const account = this.#row(this.#end(hold));
    return formatEvent({ type: "release", time, hold, account, id, content: content ?? null });
  }

  expire(hold: EventId): string {
    const time = this.#now();
    return formatEvent({ type: "expiry", time, hold, account: this.#row(this.#end(hold)) });
  }

  /** A debit that was refused under a client's key. */
  refusal(account: AccountId): string {
    return `x ${this.#now()} limit-exceeded/${account} key:refused-${this.g} content`;
  }

  #end(hold: EventId): AccountId {
    const open = this.#holds.get(hold);
    if (open === undefined) throw new Error(`no hold ${hold}`);
    this.#holds.delete(hold);
    this.#account(open.account).held -= open.amount;
    return open.account;
  }

  #move(postings: readonly Posting[], time: number) {
    const done = postings.map((posting): PostingDone => {
      const { from, to, amount } = posting;
      const out = from === WORLD ? OUTSIDE : this.#enter(from, -amount, time);
      const inside = to === WORLD ? OUTSIDE : this.#enter(to, amount, time);
      const after = {
        fromSeq: out.seq,
        fromBalance: out.balance,
        toSeq: inside.seq,
        toBalance: inside.balance,
      };
      return { ...posting, ...after };
    });
    const ids = new Set(postings.flatMap(({ from, to }) => [from, to]));
    ids.delete(WORLD);
    return { postings: done, accounts: [...ids].map((id) => this.#row(id)) };
  }

  #enter(id: AccountId, change: number, time: number) {
    const account = this.#account(id);
    account.seq += 1;
    account.balance += change;
    account.time = Math.max(time, account.time + 1);
    this.entries += 1;
    return { seq: account.seq, balance: account.balance };
  }

  #row(id: AccountId): AccountState {
    const { limit: creditLimit, name: _name, metadata: _metadata, ...account } = this.#account(id);
    return { id, creditLimit, ...account };
  }

  #add(id: AccountId, limit: number, time: number): SourceAccount {
    const numbers = { balance: 0, held: 0, seq: 0, limit, time, openedAt: time };
    const account = { unit: "BRL/2", ...numbers, state: "open", name: null, metadata: {} } as const;
    this.accounts.set(id, { ...account });
    return this.#account(id);
  }

  #account(account: AccountId): SourceAccount {
    const state = this.accounts.get(account);
    if (state === undefined) throw new Error(`no account ${account}`);
    return state;
  }

  /** The time of the next event of the batch: later than all before it. */
  #now(): number {
    this.#index += 1;
    this.#latestTime = this.began + this.g * 10_000 + this.entries + this.#index;
    return this.#latestTime;
  }
}

const OUTSIDE = { seq: 0, balance: 0 };

/** Puts batches where the deciding function does. */
export async function putInOutbox(redis: RedisClient, batches: readonly Batch[]): Promise<void> {
  await Promise.all(
    batches.flatMap(({ shard, g, events }) => [
      redis.send("XADD", [
        `razonete:{${shard}}:outbox`,
        `${g}-0`,
        ...events.flatMap((event) => ["e", event]),
      ]),
      redis.send("HSET", [`razonete:{${shard}}:head`, "g", String(g)]),
    ]),
  );
}

/** The numbers of the batches that the outbox holds. */
export async function outboxOf(redis: RedisClient, shard = 0): Promise<number[]> {
  const reply: unknown = await redis.send("XRANGE", [`razonete:{${shard}}:outbox`, "-", "+"]);
  if (!Array.isArray(reply)) throw new Error("XRANGE");
  return reply.map((entry: unknown) =>
    Array.isArray(entry) ? Number.parseInt(String(entry[0]), 10) : Number.NaN,
  );
}
