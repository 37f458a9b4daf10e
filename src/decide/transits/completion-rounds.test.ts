import { expect, test } from "bun:test";
import type { TransitCommand } from "./transit-arguments.ts";
import type { Shards } from "../shards.ts";
import { CompletionRounds } from "./completion-rounds.ts";

const ROUND_MILLISECONDS = 5;

test("what is open in two rounds is asked for, what is new in each is not, though no clock tells them apart", async () => {
  const asked: string[] = [];
  let rounds = 0;
  const shard = {
    oldestOpen: async (what: "o" | "y") => (what === "o" ? ["0-left", `0-new-${(rounds += 1)}`] : []),
    ask: async (command: TransitCommand) => {
      if (command.type === "ask") asked.push(command.attempt);
      return { type: "unknown" };
    },
  };
  // No more of it is used.
  const shards: Shards = Object.assign(Object.create(null), { count: () => 2, of: () => shard });
  const completion = new CompletionRounds(shards, ROUND_MILLISECONDS);
  while (asked.length < 3) await Bun.sleep(ROUND_MILLISECONDS);
  completion.stop();
  expect(new Set(asked)).toEqual(new Set(["0-left"]));
  expect(rounds).toBeGreaterThan(3);
});
