import type { RedisClient } from "bun";
import type { Batch } from "../../src/carry/batch.ts";
import {
  type AccountId,
  type AccountState,
  type AccountStatus,
  INITIAL_CREDIT_LIMITS,
  type Metadata,
  type Micros,
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
import type { Across, AttemptId, Decided, PartSide } from "../../src/ledger/transit.ts";

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
  readonly #parts = new Map<AttemptId, OpenPart>();
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

  /** The id of the transaction, or the hold, that was made last, and the time of that event. */
  get latest(): { readonly transaction: EventId; readonly hold: EventId; readonly time: Micros } {
    const id = (letter: "t" | "h") => eventId(letter, this.shard, this.g + 1, this.#index, this.#latestTime);
    return { transaction: id("t"), hold: id("h"), time: this.#latestTime };
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
      across,
      ...details
    }: Asked & { readonly reverses?: EventId | null; readonly across?: Across } = {},
  ): string {
    const time = this.#now();
    const moved = this.#move(
      postings.map(([from, to, amount]) => ({ from, to, amount })),
      time,
      across !== undefined,
    );
    const asked = { id, content: content ?? null, ...NO_DETAILS, ...details };
    const decided = across === undefined ? {} : { across };
    return formatEvent({ type: "transaction", time, ...moved, reverses, ...asked, ...decided });
  }

  /** A part of a transaction across shards is prepared: of its accounts those that this source has. */
  part(
    attempt: AttemptId,
    moves: readonly (readonly [Party, Party, number])[],
    { id = "req:t", ...details }: Omit<Asked, "content"> = {},
  ): string {
    const time = this.#now();
    const postings = moves.map(([from, to, amount]) => ({ from, to, amount }));
    const own = [...new Set(postings.flatMap(({ from, to }) => [from, to]))].filter((party) =>
      this.accounts.has(party),
    );
    const sides = own.map((account) => sideOf(account, postings));
    this.#parts.set(attempt, { postings, own, sides, asked: { id, ...NO_DETAILS, ...details } });
    for (const [index, account] of own.entries()) this.#account(account).held += sides[index]?.outgoing ?? 0;
    return formatEvent({
      type: "part",
      time,
      attempt,
      accounts: own.map((account) => this.#row(account)),
      sides,
      postings: postings.map((posting) => ({ ...posting, ...NOTHING_DONE })),
      reverses: null,
      id,
      ...NO_DETAILS,
      ...details,
    });
  }

  /** It is done, as home has decided. */
  finish(attempt: AttemptId, decided: Decided): string {
    const time = this.#now();
    const { postings, own, sides, asked } = this.#takePart(attempt);
    const done = this.#move(postings, time, true).postings;
    const accounts = own.map((account) => this.#row(account));
    const event = { type: "finish", time, attempt, accounts, sides, postings: done } as const;
    return formatEvent({ ...event, ...decided, reverses: null, ...asked });
  }

  undo(attempt: AttemptId): string {
    const time = this.#now();
    const { own, sides } = this.#takePart(attempt);
    return formatEvent({
      type: "undo",
      time,
      attempt,
      accounts: own.map((account) => this.#row(account)),
      sides,
    });
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
    { id = "req:p", content, across, ...details }: Asked & { readonly across?: Across } = {},
  ): string {
    const time = this.#now();
    const from = this.#end(hold);
    const { postings, accounts } = this.#move(
      parts.map(([to, amount]) => ({ from, to, amount })),
      time,
      across !== undefined,
    );
    const payer = this.#row(from);
    const others = accounts.filter((account) => account.id !== from);
    const asked = { id, content: content ?? null, ...NO_DETAILS, ...details };
    const decided = across === undefined ? {} : { across };
    const moved = { postings, accounts: [payer, ...others] };
    return formatEvent({ type: "capture", time, hold, ...moved, ...asked, ...decided });
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

  #takePart(attempt: AttemptId): OpenPart {
    const part = this.#parts.get(attempt);
    if (part === undefined) throw new Error(`no part ${attempt}`);
    this.#parts.delete(attempt);
    for (const [index, account] of part.own.entries())
      this.#account(account).held -= part.sides[index]?.outgoing ?? 0;
    return part;
  }

  /** @param isAcross accounts that this source does not have are of other shards */
  #move(postings: readonly Posting[], time: number, isAcross = false) {
    const isElsewhere = (party: Party): boolean => party === WORLD || (isAcross && !this.accounts.has(party));
    const done = postings.map((posting): PostingDone => {
      const { from, to, amount } = posting;
      const out = isElsewhere(from) ? OUTSIDE : this.#enter(from, -amount, time);
      const inside = isElsewhere(to) ? OUTSIDE : this.#enter(to, amount, time);
      const after = {
        fromSeq: out.seq,
        fromBalance: out.balance,
        toSeq: inside.seq,
        toBalance: inside.balance,
      };
      return { ...posting, ...after };
    });
    const ids = [...new Set(postings.flatMap(({ from, to }) => [from, to]))];
    return { postings: done, accounts: ids.filter((id) => !isElsewhere(id)).map((id) => this.#row(id)) };
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
const NOTHING_DONE = { fromSeq: 0, fromBalance: 0, toSeq: 0, toBalance: 0 };

interface OpenPart {
  readonly postings: readonly Posting[];
  readonly own: readonly AccountId[];
  readonly sides: readonly PartSide[];
  readonly asked: Details & { readonly id: CommandId };
}

/** How far the account's balance falls below where it began, and rises above. */
function sideOf(account: AccountId, postings: readonly Posting[]): PartSide {
  let balance = 0;
  let outgoing = 0;
  let incoming = 0;
  for (const { from, to, amount } of postings) {
    if (from === account) balance -= amount;
    if (to === account) balance += amount;
    outgoing = Math.max(outgoing, -balance);
    incoming = Math.max(incoming, balance);
  }
  return { outgoing, incoming, locks: 0 };
}

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
