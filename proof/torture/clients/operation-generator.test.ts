import { expect, test } from "bun:test";
import { Random } from "../plan/random.ts";
import type { Command, Operation } from "./history.ts";
import { HOT_ACCOUNTS, KnownThings } from "./known-things.ts";
import { OperationGenerator } from "./operation-generator.ts";
import { shardsOf } from "./operation-shards.ts";

const SHARDS = 3;
const OPERATIONS = 5_000;

test("with several shards some of each kind are across them, and atomic batches mostly are not", () => {
  const known = new KnownThings(SHARDS);
  const { from, to } = { from: HOT_ACCOUNTS[0].account, to: HOT_ACCOUNTS[1].account };
  // A hold and a transaction of each shard, to be gone on with.
  for (let shard = 0; shard < SHARDS; shard += 1) {
    const id = `h${shard}-1-0-0`;
    const hold = { id, state: "open", from, to, amount: 9, captured: 0, transaction: null } as const;
    const transaction = { id: `t${shard}-1-0-0`, postings: [], reference: null, reverses: null, hold: null };
    const accepted = { type: "accepted", accounts: [], replayed: false } as const;
    known.learn({
      operation: { type: "hold", from, to, amount: 9, seconds: 9, reference: "h" },
      answer: { ...accepted, hold, transaction: null },
    });
    known.learn({
      operation: { type: "reversal", transaction: "t0-0-0-0", reference: "t" },
      answer: { ...accepted, hold: null, transaction },
    });
  }
  const generator = new OperationGenerator(1, 0, new Random(1), known);
  const isAcross = (command: Command): boolean => shardsOf(command, (id) => known.shardOf(id)).size > 1;
  const counts = new Map<string, { across: number; all: number }>();
  const add = (name: string, across: boolean): void => {
    const { across: before, all } = counts.get(name) ?? { across: 0, all: 0 };
    counts.set(name, { across: before + (across ? 1 : 0), all: all + 1 });
  };
  for (let count = 0; count < OPERATIONS; count += 1) {
    const operation: Operation = generator.next().operation;
    if (operation.type === "batch") {
      const commands = operation.commands.map(({ command }) => command);
      const shards = commands.flatMap((command) => [...shardsOf(command, (id) => known.shardOf(id))]);
      add(operation.atomic ? "atomic" : "batch", new Set(shards).size > 1);
    } else if (
      operation.type === "transaction" ||
      operation.type === "hold" ||
      operation.type === "capture"
    ) {
      add(operation.type, isAcross(operation));
    }
  }
  const share = (name: string): number => (counts.get(name)?.across ?? 0) / (counts.get(name)?.all ?? 1);
  for (const name of ["transaction", "hold", "capture", "batch"]) expect(share(name)).toBeGreaterThan(0.1);
  expect(share("atomic")).toBeGreaterThan(0);
  expect(share("atomic")).toBeLessThan(0.5);
});
