import { type Command, type Reading, WORLD } from "./history.ts";

/**
 * The shards of what an operation names: the first one is its home, which decides it.
 *
 * @param shardOf of an account; undefined where that is not known
 */
export function shardsOf(
  operation: Command | Reading,
  shardOf: (account: string) => number | undefined,
): ReadonlySet<number> {
  const { accounts, made } = namesIn(operation);
  const shards = [...made.map(shardInId), ...accounts.map(shardOf)];
  return new Set(shards.filter((shard) => shard !== undefined));
}

/** Of a hold or a transaction: the API documents that its id names it. */
export function shardInId(id: string): number | undefined {
  const [, shard] = /^[th](\d+)-/.exec(id) ?? [];
  return shard === undefined ? undefined : Number(shard);
}

function namesIn(operation: Command | Reading): {
  readonly accounts: readonly string[];
  /** Holds and transactions. */
  readonly made: readonly string[];
} {
  switch (operation.type) {
    case "transact":
    case "change-limit":
    case "change-state":
    case "statement":
    case "read-account":
      return { accounts: [operation.account], made: [] };
    case "open":
      return { accounts: operation.account === null ? [] : [operation.account], made: [] };
    case "transaction": {
      const sides = operation.postings.flatMap(({ from, to }) => [from, to]);
      const conditions = operation.conditions.map(({ account }) => account);
      return { accounts: [...sides, ...conditions].filter((id) => id !== WORLD), made: [] };
    }
    case "hold":
      return { accounts: [operation.from, operation.to].filter((id) => id !== WORLD), made: [] };
    case "capture": {
      const parts = operation.parts?.map(({ to }) => to) ?? (operation.to === null ? [] : [operation.to]);
      return { accounts: parts.filter((id) => id !== WORLD), made: [operation.hold] };
    }
    case "release":
    case "read-hold":
      return { accounts: [], made: [operation.hold] };
    case "reversal":
    case "read-transaction":
      return { accounts: [], made: [operation.transaction] };
  }
}
