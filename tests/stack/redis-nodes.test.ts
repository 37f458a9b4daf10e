import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { infoField } from "../../src/decide/redis-settings.ts";
import { askNode, orderNode } from "../../src/stack/nodes/ask-node.ts";
import { eachHost } from "../../src/tls/server-trust.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { processesOf, type RunningStack, stackToTheEnd, startStack } from "../support/running-stack.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";

/**
 * A stack whose Redis is nine nodes, with stand-ins for our own processes: what the nodes are, and that none of them loses
 * what it holds. The tests go on where the one before them ended.
 */

failOnLeaks();
setDefaultTimeout(120_000);

const FORM = { shards: 3, replicas: 2 };
const ALL = [0, 1, 2];

describe.skipIf(serversMissing !== null)("a stack with replicas", () => {
  let folder: TemporaryFolder;
  let stack: RunningStack;
  const data = (): string => join(folder.path, "data");
  beforeAll(async () => {
    folder = temporaryFolder();
    stack = await startStack({ data: data(), form: FORM });
  });
  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  test("has each shard on a primary and on two replicas, placed so that a machine's loss leaves two of each", async () => {
    expect(stack.output()).toContain(
      "redis-1 to redis-9 (3 primaries with 2 replicas each), decides, in 3 shards\n",
    );
    await isToldAs(stack, {
      "redis-1": "primary 0",
      "redis-2": "primary 1",
      "redis-3": "primary 2",
      "redis-4": "replica 1",
      "redis-5": "replica 2",
      "redis-6": "replica 0",
      "redis-7": "replica 2",
      "redis-8": "replica 0",
      "redis-9": "replica 1",
    });
    for (const shard of ALL) await decide(stack, shard, 1);
  });

  test("has an address for each process that is called, and no folder of a server that it does not have", () => {
    const { processes, redisUrl, url } = stack.description();
    const addresses = new Map(processes.map(({ name, address }) => [name, address]));
    expect(eachHost(redisUrl).map(({ host }) => host)).toEqual(
      Array.from({ length: 9 }, (_, place) => String(addresses.get(`redis-${place + 1}`))),
    );
    expect(addresses.get("haproxy")).toBe(new URL(url).host);
    expect(addresses.get("api-1")).toBe(join(data(), "run/api-1.sock"));
    for (const name of ["nats-3", "postgres-2"]) expect(addresses.get(name)).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(addresses.get("writer-1")).toBeUndefined();
    expect(["redis", "nats", "postgres"].filter((name) => existsSync(join(data(), name)))).toEqual([]);
  });

  test("a primary that is killed is followed by a replica, and comes back as a replica of it", async () => {
    const [killed] = await nodesOf(stack, 0);
    await replaced(stack, 0, () => {});
    const [next] = await nodesOf(stack, 0);
    const at = "\\(127\\.0\\.0\\.1:\\d+\\)";
    for (const line of [
      `^${next} ${at} is the primary of shard 0 now\\.$`,
      `^${killed} runs again \\(${stack.pid(killed)}\\)\\.$`,
      `^${killed} ${at} follows ${next} ${at}\\.$`,
    ])
      await eventually(
        `it says ${line}`,
        () => new RegExp(line, "m").test(stack.output()),
        () => stack.output(),
      );
    expect(stack.output()).not.toContain("need you");
    for (const shard of ALL) await decide(stack, shard, 2);
  });

  test("a primary that loses its folder, and is killed, comes back empty as a replica, and gets all again", async () => {
    await replaced(stack, 1, (name) => rmSync(join(data(), name), { recursive: true }));
    for (const shard of ALL) await decide(stack, shard, 3);
  });

  test("a primary that loses its log alone does not empty its replicas", async () => {
    await replaced(stack, 2, (name) => rmSync(join(data(), name, "appendonlydir"), { recursive: true }));
    for (const shard of ALL) await decide(stack, shard, 4);
  });

  test("with all of it killed at once it goes on as it was, without a person", async () => {
    const before = rolesOf(stack);
    stack.signal("SIGKILL");
    for (const { pid } of stack.description().processes) process.kill(pid, "SIGKILL");
    await stack.ended;
    await stack[Symbol.asyncDispose]();
    // What it is does not have to be said again.
    stack = await startStack({ data: data() });
    await isToldAs(stack, before);
    for (const shard of ALL) expect(await heldBy(stack, shard)).toEqual([4, 4, 4]);
  });

  test("a primary that lost its log while all were stopped does not start before its replica is the primary", async () => {
    const [lost, heir] = await nodesOf(stack, 1);
    const heirUrl = urlOf(stack, heir);
    expect(await stack.stop()).toBe(0);
    await stack[Symbol.asyncDispose]();
    rmSync(join(data(), lost, "appendonlydir"), { recursive: true });
    const starting = startStack({ data: data() });
    // What the sentence says can be done before the start has ended.
    await eventually("the operator is told", () => existsSync(join(data(), "operator.env")));
    expect(await orderNode(heirUrl, "CLUSTER", "FAILOVER", "TAKEOVER")).toBe("OK");
    stack = await starting;
    expect(stack.output()).toMatch(/redis-\d needs you; .* but its log is missing: its replica /);
    expect(stack.output()).toContain("CLUSTER FAILOVER TAKEOVER; then it starts, and follows it.");
    await eventually("the other one has taken over", () => rolesOf(stack)[lost] === "replica 1");
    expect((await nodesOf(stack, 1))[0]).toBe(heir);
    for (const shard of ALL) await decide(stack, shard, 5);
  });

  test("other numbers than those that it was begun with are refused, and nothing is started", async () => {
    expect(await stack.stop()).toBe(0);
    const refused = /begun with --shards 3 --redis-nodes 3 --replicas 2, which cannot be changed: give these/;
    for (const form of [{ replicas: 1 }, { replicas: 0 }, { redisNodes: 4 }, { shards: 2 }]) {
      const { code, output } = await stackToTheEnd({ data: data(), form });
      expect([code, output]).toEqual([1, expect.stringMatching(refused)]);
    }
    expect(processesOf(data())).toEqual([]);
  });
});

/** What stack.json says of each Redis. */
function rolesOf(stack: RunningStack): Record<string, string> {
  return Object.fromEntries(
    stack
      .description()
      .processes.filter(({ name }) => name.startsWith("redis-"))
      .map(({ name, role, shards }) => [name, `${role} ${shards?.join()}`]),
  );
}

/** Nodes that have just become one cluster hear of each other's roles one after the other. */
async function isToldAs(stack: RunningStack, roles: Readonly<Record<string, string>>): Promise<void> {
  const told = (): Record<string, string> => rolesOf(stack);
  await eventually("stack.json has every role", () => Bun.deepEquals(told(), roles), told);
}

/** The nodes of a shard, by what stack.json says, once it has all three: its primary first. */
async function nodesOf(stack: RunningStack, shard: number): Promise<[string, string, string]> {
  const told = (): string[] => {
    const roles = Object.entries(rolesOf(stack));
    const those = (role: string): string[] =>
      roles.filter(([, one]) => one === `${role} ${shard}`).map(([name]) => name);
    return [...those("primary"), ...those("replica")];
  };
  // A node that does not answer in time has no role for a moment.
  await eventually(`shard ${shard} has three nodes`, () => told().length === 3, told);
  const [primary = "", one = "", other = ""] = told();
  return [primary, one, other];
}

function urlOf(stack: RunningStack, name: string): string {
  const place = Number(name.replace("redis-", "")) - 1;
  return String(eachHost(stack.description().redisUrl)[place]);
}

/** Writes the next batch of a shard at its primary, and waits until both replicas have it. */
async function decide(stack: RunningStack, shard: number, g: number): Promise<void> {
  const [primary] = await nodesOf(stack, shard);
  const head = `razonete:{${shard}}:head`;
  await eventually(`batch ${g} of shard ${shard} is on all three`, async () => {
    const replies = await askNode(
      urlOf(stack, primary),
      ["HGET", head, "g"],
      ["HSET", head, "epoch", "e", "g", String(g)],
      ["WAIT", "2", "500"],
    );
    if (replies[2] !== 2) return false;
    expect([g - 1, g]).toContain(Number(replies[0] ?? 0));
    return true;
  });
}

/** The last batch of a shard on each of its nodes. */
async function heldBy(stack: RunningStack, shard: number): Promise<number[]> {
  return Promise.all(
    (await nodesOf(stack, shard)).map(async (name) => {
      const [, g] = await askNode(
        urlOf(stack, name),
        ["READONLY"],
        ["HGET", `razonete:{${shard}}:head`, "g"],
      );
      return Number(g);
    }),
  );
}

/** Kills the primary, and waits until another one has its shard, and it follows that one with all that it had. */
async function replaced(stack: RunningStack, shard: number, damage: (name: string) => void): Promise<void> {
  const [name] = await nodesOf(stack, shard);
  const pid = stack.pid(name);
  damage(name);
  process.kill(pid, "SIGKILL");
  const isBack = async (): Promise<boolean> => {
    if (rolesOf(stack)[name] !== `replica ${shard}` || stack.pid(name) === pid) return false;
    const info = await orderNode(urlOf(stack, name), "INFO", "replication").catch(() => "");
    return infoField(info, "master_link_status") === "up";
  };
  await eventually(`${name} is back as a replica`, isBack, () => stack.output());
}
