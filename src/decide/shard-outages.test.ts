import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { RefusedByNodes } from "./nodes/redis-nodes.ts";
import { ShardOutages } from "./shard-outages.ts";

const DECIDES = { decides: true, hasDecided: true, reason: null };
const STANDS = { decides: false, hasDecided: true, reason: "its primary is away" };

let seconds = 0;
let clock: ReturnType<typeof spyOn>;
beforeEach(() => {
  seconds = 0;
  clock = spyOn(performance, "now").mockImplementation(() => seconds * 1_000);
});
afterEach(() => clock.mockRestore());

/** With what a person could do at each look for it. */
function outages(...advice: readonly (string | null)[]) {
  const told: string[] = [];
  const report = (line: string): void => void told.push(line.replace(/20\S+Z/, "then"));
  let looks = 0;
  const all = new ShardOutages({ report, alarm: report, advise: async () => advice[looks++] ?? null });
  return {
    told,
    /** The second shard does not decide, for so long; the first one does. */
    stands: async (forSeconds: number): Promise<void> => {
      for (const end = seconds + forSeconds; seconds < end; seconds += 0.25) {
        all.look([DECIDES, STANDS]);
        await Promise.resolve();
      }
      await Bun.sleep(0);
    },
    decides: (): void => all.look([DECIDES, DECIDES]),
    advice: () => [all.adviceOn(0), all.adviceOn(1)],
  };
}

test("an alarm comes once, after a while, with what a person can do; that is known until the shard decides", async () => {
  const { told, stands, decides, advice } = outages("Start it.", "Start it.", "Start it.");
  await stands(5);
  expect(advice()).toEqual([null, null]);
  expect(told).toEqual(["shard 1 does not decide: its primary is away"]);
  await stands(15);
  expect(advice()).toEqual([null, "Start it."]);
  expect(told.slice(1)).toEqual([
    "ALARM: shard 1 has not decided since then: its primary is away. Start it.",
  ]);
  decides();
  expect(advice()).toEqual([null, null]);
  expect(told.at(-1)).toMatch(/^shard 1 decides again, after 20\.\d s$/);
});

test("what a person can do is looked up again, as it may have changed", async () => {
  const { told, stands, advice } = outages("Start a.", "Start b.", null);
  const known: unknown[] = [];
  for (const more of [8, 5, 5]) {
    await stands(more);
    known.push(advice()[1]);
  }
  expect(known).toEqual(["Start a.", "Start b.", null]);
  expect(told).toHaveLength(2);
});

test("where the cluster cannot be asked, its nodes are to be started, or REDIS_URL corrected", async () => {
  for (const [error, what] of [
    [new Error("a:1: closed"), "start its nodes"],
    [new RefusedByNodes("a:1: WRONGPASS"), "correct the user, the password or the nodes in REDIS_URL"],
  ] as const) {
    const told: string[] = [];
    const report = (line: string): void => void told.push(line);
    const all = new ShardOutages({ report, alarm: report, advise: () => Promise.reject(error) });
    all.look([STANDS]);
    seconds += 60;
    all.look([STANDS]);
    await Bun.sleep(0);
    expect(told.at(-1)).toEndWith(`The Redis Cluster cannot be asked (${error.message}): ${what}.`);
  }
});
