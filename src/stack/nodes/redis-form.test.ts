import { expect, test } from "bun:test";
import { newForm } from "./redis-form.ts";

test("a node that would have nothing to decide is refused, also where the number of shards comes from a variable", () => {
  expect(() => newForm({ redisNodes: 2 }, 1)).toThrow(
    "of 2 Redis nodes some would have nothing to decide, with 1 shard: give --shards 2 or more, or less with --redis-nodes. " +
      "Neither can be changed later.",
  );
  expect(() => newForm({ redisNodes: 4, shards: 3 }, 8)).toThrow("give --shards 4 or more");
  expect(newForm({ redisNodes: 2 }, 2)).toEqual({ shards: 2, primaries: 2, replicas: 0 });
});

test("with replicas it votes", () => {
  expect(newForm({ replicas: 1 }, 1)).toEqual({ shards: 1, primaries: 3, replicas: 1 });
  expect(newForm({ replicas: 1, redisNodes: 5 }, 3)).toEqual({ shards: 3, primaries: 5, replicas: 1 });
});
