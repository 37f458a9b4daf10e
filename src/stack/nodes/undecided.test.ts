import { expect, test } from "bun:test";
import { NO_ANSWER_YET } from "../probes.ts";
import { adviseOnNodes } from "./advise-on-nodes.ts";
import { type Undecided, undecidedByAll, UndecidedReports } from "./undecided.ts";

const shard = (number: number | null): Undecided => ({ shard: number, reason: "its primary is away" });

/** What is told, if this is found in one second after the other. */
function told(...found: readonly (readonly Undecided[])[]): string[] {
  const reports = new UndecidedReports();
  return found.flatMap((each, second) => {
    const { due, over } = reports.look(each, second * 1_000);
    return [...over, ...due.map((one) => `shard ${one.shard}`)].map((line) => `${second} ${line}`);
  });
}

const seconds = (count: number, ...found: readonly Undecided[]) => Array.from({ length: count }, () => found);

test("a shard that soon decides again is not told of", () => {
  expect(told([], ...seconds(5, shard(1)), [], ...seconds(5, shard(1)), [])).toEqual([]);
});

test("one that does not is told of, again once a minute, and when it is over", () => {
  expect(told([], ...seconds(70, shard(1)), [])).toEqual([
    "7 shard 1",
    "67 shard 1",
    "71 Shard 1 decides again, after 70 s.",
  ]);
});

test("each for itself, and none as well", () => {
  expect(told(...seconds(10, shard(0)), ...seconds(10, shard(null)), ...seconds(10, shard(2)), [])).toEqual([
    "6 shard 0",
    "16 shard null",
    "20 Shard 0 decides again, after 20 s.",
    "20 The ledger decides again, after 10 s.",
    "26 shard 2",
    "30 Shard 2 decides again, after 10 s.",
  ]);
});

test("what one of the APIs decides is decided", () => {
  expect(undecidedByAll([])).toBeNull();
  expect(undecidedByAll([[shard(null)], [shard(1), shard(2)], [shard(1)]])).toEqual([shard(1)]);
  expect(undecidedByAll([[shard(null)], [shard(null)]])).toEqual([shard(null)]);
  expect(undecidedByAll([[shard(null)], []])).toEqual([]);
});

test("what is to be done depends on whether its nodes run, and answer", async () => {
  const node = (name: string, pid: number, reason: string | null, running = true, needsPerson = false) => ({
    plan: {
      name,
      kind: "redis" as const,
      command: [],
      environment: {},
      probe: () => Promise.resolve(reason),
    },
    pid,
    running,
    needsPerson,
  });
  const loading = node("redis-7", 7, "LOADING Redis is loading the dataset in memory");
  expect(await adviseOnNodes([node("redis-1", 1, null), loading])).toBeNull();
  expect(await adviseOnNodes([node("redis-1", 11, NO_ANSWER_YET), node("redis-6", 66, NO_ANSWER_YET)])).toBe(
    "redis-1, redis-6 run and do not answer: if that lasts, kill -9 11 66, and the stack starts them again.",
  );
  expect(await adviseOnNodes([node("redis-1", 1, null, false), node("redis-6", 6, null, false, true)])).toBe(
    "The stack starts redis-1 again as soon as it may: wait. What to do about redis-6 was said above.",
  );
});
