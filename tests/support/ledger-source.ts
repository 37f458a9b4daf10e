import type { RedisClient } from "bun";
import type { Batch } from "../../src/carry/batch.ts";
import { type AccountId, INITIAL_CREDIT_LIMITS } from "../../src/ledger/account.ts";

/** Makes up batches as the deciding function does, for accounts 1 to 5 and those that it opens. */
export class LedgerSource {
  readonly epoch: string;
  readonly shard: number;
  readonly accounts = new Map<AccountId, { balance: number; seq: number; limit: number }>();
  g = 0;
  /** Entries in all batches so far. */
  entries = 0;

  constructor(epoch: string, shard = 0) {
    this.epoch = epoch;
    this.shard = shard;
    for (const [index, limit] of INITIAL_CREDIT_LIMITS.entries()) {
      this.accounts.set(String(index + 1), { balance: 0, seq: 0, limit });
    }
  }

  /** A batch of entries, one for each of `values` in cents: over 0 a credit, under 0 a debit. */
  batch(account: AccountId, ...values: readonly number[]): Batch {
    return this.close(values.map((value) => this.entry(account, value)));
  }

  /** A batch of these events. */
  close(events: readonly string[]): Batch {
    this.g += 1;
    return { epoch: this.epoch, shard: this.shard, g: this.g, events };
  }

  entry(account: AccountId, value: number, description = "a b\n\"c'\\"): string {
    const state = this.#account(account);
    state.seq += 1;
    state.balance += value;
    this.entries += 1;
    const { seq, balance, limit } = state;
    const kind = value > 0 ? "c" : "d";
    return `${kind} ${account} ${seq} ${this.#time()} ${Math.abs(value)} ${balance} ${limit} req:${account}-${seq} ${description}`;
  }

  open(account: AccountId, limit: number, name = ""): string {
    this.accounts.set(account, { balance: 0, seq: 0, limit });
    return `o ${account} ${this.#time()} ${limit} key:open-${account} BRL/2 ${name}`;
  }

  limit(account: AccountId, limit: number): string {
    const state = this.#account(account);
    state.limit = limit;
    return `l ${account} ${state.seq} ${this.#time()} ${state.balance} ${limit} req:limit-${account}`;
  }

  /** A debit that was refused under a client's key. */
  refusal(account: AccountId): string {
    const { g } = this;
    return `x ${this.#time()} limit-exceeded key:refused-${g} ["transact","${account}","debit",9999,"a b\\n\\"c'"]`;
  }

  #account(account: AccountId) {
    const state = this.accounts.get(account);
    if (state === undefined) throw new Error(`no account ${account}`);
    return state;
  }

  #time(): number {
    return 1_700_000_000_000_000 + this.g * 1000 + this.entries;
  }
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
