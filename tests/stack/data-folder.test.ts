import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isFree } from "../../src/stack/ports.ts";
import type { StackDescription } from "../../src/stack/stack-file.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { stackToTheEnd, startStack } from "../support/running-stack.ts";
import { pathOf, serversMissing } from "../support/servers/binaries.ts";
import { startsInBooks, withRedis, works } from "./support/ask-servers.ts";
import { stoppedStack } from "./support/stopped-stack.ts";

/** The servers are real; our own processes have stand-ins. */

const copyStopped = stoppedStack();
failOnLeaks();
setDefaultTimeout(120_000);

describe.skipIf(serversMissing !== null)("a stack's data", () => {
  test("is kept between runs, and gone with --fresh", async () => {
    using folder = temporaryFolder();
    {
      await using stack = await startStack({ data: folder.path });
      await withRedis(stack.description(), (redis) => redis.set("kept", "yes"));
      expect(await stack.stop()).toBe(0);
    }
    {
      await using stack = await startStack({ data: folder.path });
      expect(await startsInBooks(stack.description())).toBe(2);
      expect(await withRedis(stack.description(), (redis) => redis.get("kept"))).toBe("yes");
      expect(await stack.stop()).toBe(0);
    }
    await using stack = await startStack({ data: folder.path, fresh: true });
    expect(await startsInBooks(stack.description())).toBe(1);
    expect(await withRedis(stack.description(), (redis) => redis.get("kept"))).toBeNull();
  });

  test("is reached at the same ports each time, but for one that another program has got", async () => {
    using folder = temporaryFolder();
    copyStopped(folder.path);
    const portsOf = ({ redisUrl, natsUrl, databaseUrl }: StackDescription): number[] =>
      [redisUrl, natsUrl, databaseUrl].map((url) => Number(new URL(url).port));
    const start = async (): Promise<number[]> => {
      await using stack = await startStack({ data: folder.path });
      const ports = portsOf(stack.description());
      expect(await stack.stop()).toBe(0);
      return ports;
    };
    /** What it got, and what it had to: what it had before, but for what another program has meanwhile. */
    const again = async (before: readonly number[]): Promise<{ got: number[]; wanted: number[] }> => {
      const free = await Promise.all(before.map(isFree));
      const got = await start();
      return { got, wanted: before.map((port, place) => (free[place] === true ? port : (got[place] ?? 0))) };
    };
    const first = await start();
    const second = await again(first);
    expect(second.got).toEqual(second.wanted);
    const [, nats = 0] = second.got;
    using taken = Bun.listen({ hostname: "127.0.0.1", port: nats, socket: { data: () => {} } });
    const third = await again(second.got);
    expect(third.got).toEqual(third.wanted);
    expect(third.got[1]).not.toBe(nats);
    taken.stop(true);
    const fourth = await again(third.got);
    expect(fourth.got).toEqual(fourth.wanted);
  });

  test("is reached by redis-cli with the address in stack.json", async () => {
    using folder = temporaryFolder();
    copyStopped(folder.path);
    await using stack = await startStack({ data: folder.path });
    const cli = join(dirname(pathOf("redis")), "redis-cli");
    const { stdout, stderr } = Bun.spawnSync([cli, "-u", stack.description().redisUrl, "PING"]);
    expect([stdout.toString(), stderr.toString()]).toEqual([
      "PONG\n",
      expect.not.stringMatching(/AUTH failed/),
    ]);
  });

  for (const name of ["a $HOME ${b}", `a "b" 'c' #d %20 \\\\e é`]) {
    test(`may be in a folder whose name means something to a server or a shell: ${name}`, async () => {
      using folder = temporaryFolder();
      const data = join(folder.path, name);
      copyStopped(data);
      await using stack = await startStack({ data });
      expect(await works(stack)).toBe(true);
      expect(await stack.stop()).toBe(0);
    });
  }

  test("may be in a folder that PostgreSQL's user cannot enter, and too deep for a socket", async () => {
    using folder = temporaryFolder();
    expect(statSync(folder.path).mode & 0o077).toBe(0);
    await using stack = await startStack({ data: join(folder.path, "a deep folder/".repeat(8), "data") });
    expect(await works(stack)).toBe(true);
    expect(await stack.stop()).toBe(0);
  });

  test("belongs to one stack: a second one is refused, the first goes on", async () => {
    using folder = temporaryFolder();
    copyStopped(folder.path);
    await using stack = await startStack({ data: folder.path });
    const second = await stackToTheEnd({ data: folder.path, fresh: true });
    expect(second).toEqual({
      code: 1,
      output: `${folder.path} is in use by another stack: stop that one first, or choose another folder with --data.\n`,
    });
    expect(await works(stack)).toBe(true);
  });

  test("two stacks run side by side", async () => {
    using folder = temporaryFolder();
    const starting = startStack({ data: join(folder.path, "one") });
    await using two = await startStack({ data: join(folder.path, "two") });
    await using one = await starting;
    expect(await works(one)).toBe(true);
    expect(await one.stop()).toBe(0);
    expect(await works(two)).toBe(true);
  });

  test("with a password that is none, as of a full disk or a slip, is not started with one that anybody knows", async () => {
    for (const text of ["", "short\n", "'; DROP\n' of-24-letters-or-more"]) {
      using folder = temporaryFolder();
      writeFileSync(join(folder.path, "razonete-stack"), "");
      const file = join(folder.path, "password");
      writeFileSync(file, text);
      const { code, output } = await stackToTheEnd({ data: folder.path });
      expect([code, output]).toEqual([1, expect.stringMatching(/^\S+\/password has no password: .*\.\n$/)]);
      expect(readdirSync(folder.path)).not.toContain("postgres");
    }
  });

  test("of a start that is refused is not there afterwards", async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    using taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
    const busy = await stackToTheEnd({ data, port: taken.port });
    expect([busy.code, busy.output]).toEqual([
      1,
      expect.stringMatching(/^port \d+ is in use or not allowed: /),
    ]);
    const idle = await stackToTheEnd({ data, form: { redisNodes: 2 } });
    expect([idle.code, idle.output]).toEqual([
      1,
      expect.stringMatching(/^of 2 Redis nodes some would have nothing to decide, with 1 shard: /),
    ]);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test("of someone else is never touched", async () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, "letter.txt"), "dear");
    const { code, output } = await stackToTheEnd({ data: folder.path, fresh: true });
    expect([code, output]).toEqual([
      1,
      `${folder.path} is not empty and not the data folder of a stack: choose another one with --data.\n`,
    ]);
    expect(readdirSync(folder.path)).toEqual(["letter.txt"]);
  });
});
