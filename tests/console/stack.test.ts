import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { ConsoleStatus } from "../../src/console/console-status.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { type RunningStack, startStack } from "../support/running-stack.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { answerBeforeDisk } from "./support/answer-before-disk.ts";
import { Transactions } from "./support/transactions.ts";

failOnLeaks();
setDefaultTimeout(120_000);

describe.skipIf(serversMissing !== null)("the console of a stack", () => {
  const folder = temporaryFolder();
  let stack: RunningStack;
  beforeAll(async () => {
    stack = await startStack({ data: folder.path, real: true, environment: { DURABILITY: "relaxed" } });
    await answerBeforeDisk(stack.description().redisUrl);
    await eventually("the console is there", async () => (await fetch(`${stack.url}/`)).ok);
  });
  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  async function until(what: string, is: (now: ConsoleStatus) => boolean): Promise<ConsoleStatus> {
    let now: ConsoleStatus | null = null;
    await eventually(
      what,
      async () => {
        const answer = await fetch(`${stack.url}/console/status`);
        if (!answer.ok) throw new Error(`${answer.status}`);
        now = Object(await answer.json());
        return now !== null && is(now);
      },
      () => now,
    );
    if (now === null) throw new Error("no status");
    return now;
  }

  test("is named where the stack says what to try, and has every part of it", async () => {
    expect(stack.output()).toContain(`See it live: ${stack.url}/\n`);
    const now = await until("all is up", ({ parts, units, outbox }) => {
      return units.length > 0 && outbox !== null && parts.every(({ state }) => state === "up");
    });
    const names = now.parts.map(({ name }) => name);
    const servers = ["redis", "nats", "writer-1", "dispatch-1", "postgres"];
    expect(names).toEqual(["console", "haproxy", "api-1", "api-2", ...servers]);
    // Each process of the stack is one of them, or has no say.
    const processes = stack.description().processes.map(({ name }) => name);
    expect(processes.toSorted()).toEqual(names.toSorted());
    expect(now.outbox).toEqual({ batches: 0, max: 100_000 });
  });

  test("shows what happens in it, and how far the books are behind", async () => {
    const load = new Transactions(stack.url);
    const writer = stack.pid("writer-1");
    try {
      const { second } = await until(
        "it counts",
        (now) => now.second.transactions > 0 && now.second.p50_ms !== null,
      );
      expect(second.p99_ms ?? 0).toBeGreaterThanOrEqual(second.p50_ms ?? Infinity);
      process.kill(writer, "SIGSTOP");
      const behind = await until("the books are behind", ({ books, parts }) => {
        const isSilent = parts.some(({ name, state }) => name === "writer-1" && state === "down");
        return isSilent && books.batches > 3 && books.lag_ms > 1_000;
      });
      expect(behind.outbox?.batches).toBeGreaterThan(3);
      process.kill(writer, "SIGCONT");
      await until("they have caught up", ({ books, parts }) => {
        // Under load some batches are always on their way.
        return books.lag_ms < 1_000 && parts.every(({ state }) => state === "up");
      });
    } finally {
      process.kill(writer, "SIGCONT");
      expect(Object.keys(await load.stop())).toEqual(["200"]);
    }
    // The outbox is let go a moment after it was kept.
    const quiet = await until(
      "it is quiet",
      ({ second, books }) => second.transactions === 0 && books.batches === 0,
    );
    expect(quiet.books).toEqual({ lag_ms: 0, batches: 0 });
  });

  test("is started again where it is killed, and no transaction waits for it", async () => {
    const load = new Transactions(stack.url);
    const before = stack.pid("console");
    process.kill(before, "SIGKILL");
    await eventually("it is started again", () => stack.pid("console") !== before);
    await until("it answers", ({ parts }) => parts.every(({ state }) => state === "up"));
    expect(Object.keys(await load.stop())).toEqual(["200"]);
  });

  test("has a role of its own, and none of the others' passwords", async () => {
    const environment = await Bun.file(`/proc/${stack.pid("console")}/environ`).text();
    const settings = environment.split("\0");
    const names = settings.map((setting) => setting.split("=", 1)[0] ?? "");
    expect(names.filter((name) => name.endsWith("_URL"))).toEqual(["DATABASE_URL"]);
    expect(settings.find((setting) => setting.startsWith("DATABASE_URL="))).toContain("//razonete_console:");
    const { redisUrl, natsUrl, databaseUrl } = stack.description();
    for (const url of [redisUrl, natsUrl, databaseUrl])
      expect(environment).not.toContain(new URL(url).password);
  });

  test("stops with the stack", async () => {
    expect(await stack.stop()).toBe(0);
  });
});
