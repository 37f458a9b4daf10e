import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { ALL, LossStand } from "./support/loss-stand.ts";

/** More than one thing lost at once, under load, with all parts as they are. The tests go on where the one before ended. */

failOnLeaks();
setDefaultTimeout(240_000);

describe.skipIf(serversMissing !== null)("a stack with replicas loses", () => {
  let stand: LossStand;
  beforeAll(async () => {
    stand = new LossStand();
    await stand.start();
  });
  afterAll(() => stand[Symbol.asyncDispose]());

  const lose = (name: string): void => rmSync(join(stand.data, name), { recursive: true });

  test("a machine that is killed: a primary, a replica of each other shard, a NATS server", async () => {
    await stand.survives("a machine killed", async () => {
      stand.signal("SIGKILL", ...stand.machineOf(0));
      await stand.load.goesOn(ALL, 50);
    });
  });

  test("the machine that took over, which freezes until its primary is replaced, and thaws", async () => {
    await stand.spread();
    const names = stand.machineOf(1);
    await stand.survives("a machine frozen", async () => {
      stand.signal("SIGSTOP", ...names);
      await eventually("no primary is on it", () =>
        ALL.every((shard) => !names.includes(stand.primaryOf(shard))),
      );
      await stand.load.goesOn(ALL, 50);
      stand.signal("SIGCONT", ...names);
    });
  });

  test("a primary and a replica of it, killed at once: the other replica takes over by itself", async () => {
    await stand.spread();
    const [primary = "", replica = "", other] = stand.nodesOf(0);
    await stand.survives("a primary and a replica killed", async () => {
      stand.signal("SIGKILL", primary, replica);
      await eventually("the other replica is the primary", () => stand.primaryOf(0) === other);
    });
  });

  test("a primary and a replica of it, frozen at once: nothing is answered from one copy; told what to start", async () => {
    await stand.spread();
    const [primary = "", replica = "", other = ""] = stand.nodesOf(2);
    await stand.survives("a primary and a replica frozen", async () => {
      stand.signal("SIGSTOP", primary, replica);
      await eventually("the other replica is the primary", () => stand.primaryOf(2) === other);
      const answered = stand.load.countOf(2);
      const address = new URL(stand.urlOf(other)).host;
      await eventually("an alarm says what to do", () =>
        stand.apiLogs().includes(`Its primary ${address} answers, and too few replicas follow it: start `),
      );
      expect(stand.load.countOf(2)).toBe(answered);
      stand.signal("SIGCONT", replica);
      await stand.load.goesOn(ALL);
      stand.signal("SIGCONT", primary);
    });
  });

  test("a shard whole, and its primary's log with it: the command that is told brings it back", async () => {
    await stand.spread();
    const nodes = stand.nodesOf(1);
    const [primary = "", ...replicas] = nodes;
    await stand.survives("a shard killed and its primary's log lost", async () => {
      stand.signal("SIGSTOP", ...nodes);
      lose(`${primary}/appendonlydir`);
      stand.signal("SIGKILL", ...nodes);
      const told = /needs you; .* its log is missing: its replica .* (redis-cli .* TAKEOVER);/;
      await eventually(
        "a person is asked",
        () => told.test(stand.stack.output()),
        () => stand.stack.output(),
      );
      stand.asOperator(told.exec(stand.stack.output())?.[1] ?? "");
      await eventually("a replica is the primary", () => replicas.includes(stand.primaryOf(1)));
    });
  });

  test("the folder of a replica: it is filled anew", async () => {
    await stand.spread();
    const [, replica = ""] = stand.nodesOf(2);
    await stand.survives("a replica's folder lost", async () => {
      stand.signal("SIGSTOP", replica);
      lose(replica);
      stand.signal("SIGKILL", replica);
      await stand.load.goesOn(ALL, 50);
    });
  });

  test("the folders of a machine, and it is killed: others take over, and it is filled anew", async () => {
    await stand.spread();
    const names = stand.machineOf(0);
    await stand.survives("a machine's folders lost", async () => {
      stand.signal("SIGSTOP", ...names);
      for (const name of names) lose(name);
      stand.signal("SIGKILL", ...names);
      await stand.load.goesOn(ALL, 50);
    });
  });

  test("all servers of all kinds at once: they come back by themselves, in whatever order", async () => {
    await stand.survives("all servers killed", async () => {
      const { processes } = stand.stack.description();
      stand.signal("SIGKILL", ...processes.map(({ name }) => name));
    });
  });

  test("all of it with its supervisor, twice: it goes on as it was, without a person", async () => {
    for (const what of ["all killed with the supervisor", "the same once more"])
      await stand.survives(what, async () => {
        const { processes } = stand.stack.description();
        stand.stack.signal("SIGKILL");
        stand.signal("SIGKILL", ...processes.map(({ name }) => name).toReversed());
        await stand.stack[Symbol.asyncDispose]();
        await stand.start();
      });
    expect(stand.stack.output()).not.toContain("needs you");
  });
});
