import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { accountOn } from "../support/account-on.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { credit } from "./support/answered-load.ts";
import { ALL, LossStand, SHARDS } from "./support/loss-stand.ts";

/** Redis in the form with replicas, under load, with all parts as they are. The tests go on where the one before ended. */

failOnLeaks();
setDefaultTimeout(180_000);

describe.skipIf(serversMissing !== null)("a stack with replicas loses", () => {
  let stand: LossStand;
  beforeAll(async () => {
    stand = new LossStand();
    console.log(`the whole form answers after ${((await stand.start()) / 1000).toFixed(1)} s`);
  });
  afterAll(() => stand[Symbol.asyncDispose]());

  test("a primary: another one takes over by itself, the other shards go on", async () => {
    await stand.survives("a primary killed", async () => {
      const [primary = "", ...replicas] = stand.nodesOf(1);
      stand.signal("SIGKILL", primary);
      await stand.load.goesOn([0, 2], 50);
      await eventually("a replica is the primary", () => replicas.includes(stand.primaryOf(1)));
    });
  });

  test("a replica: nothing waits", async () => {
    await stand.survives("a replica killed", async () => {
      const [, replica = ""] = stand.nodesOf(0);
      stand.signal("SIGKILL", replica);
      await stand.load.goesOn(ALL, 50);
    });
  });

  test("a primary that freezes for less than the time-outs: it stays the primary", async () => {
    const primary = stand.primaryOf(2);
    await stand.survives("a primary frozen for 0.2 s", async () => {
      stand.signal("SIGSTOP", primary);
      await Bun.sleep(200);
      stand.signal("SIGCONT", primary);
    });
  });

  test("a primary that freezes for longer: another one takes over, and nothing is answered by it when it thaws", async () => {
    const [primary = "", ...replicas] = stand.nodesOf(2);
    await stand.survives("a primary frozen", async () => {
      stand.signal("SIGSTOP", primary);
      await eventually("a replica is the primary", () => replicas.includes(stand.primaryOf(2)));
      await stand.load.goesOn(ALL, 50);
      stand.signal("SIGCONT", primary);
    });
  });

  test("both replicas: the shard stops, says so with the outcome, and what to start; with one back it goes on", async () => {
    const [primary = "", first = "", second = ""] = stand.nodesOf(0);
    await stand.survives("both replicas frozen", async () => {
      stand.signal("SIGSTOP", first, second);
      const refused = await credit(stand.stack, accountOn(0, SHARDS), "refused");
      const answered = stand.load.countOf(0);
      expect([refused.status, await refused.json()]).toEqual([
        503,
        expect.objectContaining({ outcome: expect.stringMatching(/^(none|unknown)$/) }),
      ]);
      await stand.load.goesOn([1, 2], 50);
      await eventually("it is told where the APIs are asked", async () =>
        ((await stand.undecided()) ?? "").includes('"shard":0'),
      );
      const addresses = [primary, first, second].map((name) => new URL(stand.urlOf(name)).host);
      await eventually(
        "an alarm says what to do",
        () => {
          const log = stand.apiLogs();
          return (
            /ALARM: shard 0 has not decided since /.test(log) &&
            log.includes(`Its primary ${addresses[0]} answers, and too few replicas follow it: start `)
          );
        },
        () => stand.apiLogs().slice(-2000),
      );
      expect(stand.load.countOf(0)).toBe(answered);
      stand.signal("SIGCONT", first);
      await stand.load.settle(0, "refused");
      await stand.load.goesOn(ALL);
      stand.signal("SIGCONT", second);
    });
  });
});
