import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { createClient } from "@redis/client";
import postgres from "postgres";
import { natsOptions } from "../../src/carry/nats-address.ts";
import { isFree } from "../../src/stack/ports.ts";
import type { StackDescription } from "../../src/stack/stack-file.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { eventually } from "../support/eventually.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { commandOf } from "./support/command-of.ts";
import { processesOf, stackToTheEnd, startStack } from "../support/running-stack.ts";
import { pathOf, serversMissing } from "../support/servers/binaries.ts";
import { sharedStack } from "./support/shared-stack.ts";
import { startsInBooks, withRedis, works } from "./support/ask-servers.ts";
import { stoppedStack } from "./support/stopped-stack.ts";

/** The servers are real; our own processes have stand-ins, whose behaviour is nothing but what the stack relies on. */

const copyStopped = stoppedStack();
failOnLeaks();
setDefaultTimeout(120_000);

const NAMES = ["haproxy", "api-1", "api-2", "redis", "nats", "writer-1", "postgres"];

describe.skipIf(serversMissing !== null)("a running stack", () => {
  const shared = sharedStack();

  test("is what stack.json says: every process, and addresses that work", async () => {
    const { stack, data } = shared();
    const description = stack.description();
    expect(description.processes.map(({ name }) => name)).toEqual(NAMES);
    const alive = processesOf(data);
    for (const { pid } of description.processes) expect(alive).toContain(pid);
    expect(statSync(join(data, "stack.json")).mode & 0o777).toBe(0o600);

    expect((await fetch(`${stack.url}/readyz`)).status).toBe(200);
    expect(await startsInBooks(description)).toBe(1);
    expect(await redisSettings(description)).toEqual({
      appendonly: "yes",
      appendfsync: "always",
      "no-appendfsync-on-rewrite": "no",
      save: "",
      "maxmemory-policy": "noeviction",
      dir: join(data, "redis"),
    });
    const nats = await connect(natsOptions(description.natsUrl));
    expect((await (await jetstreamManager(nats)).getAccountInfo()).limits.max_storage).toBe(-1);
    await nats.close();
  });

  test("lets nobody in without the password, on any of its ports", async () => {
    const { stack } = shared();
    const { databaseUrl, redisUrl, natsUrl } = stack.description();
    const bare = (url: string): string => url.replace(/\/\/[^@]*@/, "//");
    const sql = postgres(bare(databaseUrl), { user: "razonete", password: "guessed", max: 1 });
    expect((await rejection(sql`SELECT 1`)).message).toContain("password authentication failed");
    await sql.end();
    const redis = createClient({ url: bare(redisUrl), socket: { reconnectStrategy: false } });
    redis.on("error", () => {});
    expect((await rejection(redis.connect())).message).toContain("NOAUTH");
    redis.destroy();
    expect((await rejection(connect({ servers: bare(natsUrl) }))).message).toMatch(/authorization/i);
  });

  test("keeps passwords out of every command line", async () => {
    const { stack, data } = shared();
    const password = readFileSync(join(data, "password"), "utf8").trim();
    expect(stack.description().databaseUrl).toContain(password);
    for (const pid of processesOf(data)) expect(commandOf(pid)).not.toContain(password);
  });

  test("never runs PostgreSQL as root", async () => {
    const { stack } = shared();
    const status = readFileSync(`/proc/${stack.pid("postgres")}/status`, "utf8");
    expect(status).not.toMatch(/^[UG]id:.*\b0\b/m);
    expect(status).toMatch(/^CapEff:\s*0+$/m);
  });

  test("starts again what is killed, each by itself, and rewrites stack.json", async () => {
    const { stack } = shared();
    for (const name of NAMES) {
      const before = stack.description();
      process.kill(stack.pid(name), "SIGKILL");
      await eventually(`${name} is back`, () => stack.pid(name) !== pidIn(before, name));
      const others = (each: StackDescription) => each.processes.filter((process) => process.name !== name);
      expect(others(stack.description())).toEqual(others(before));
      await eventually(`the stack works without ${name}`, () => works(stack));
    }
    expect(stack.output()).toContain("redis ended (signal SIGKILL)");
  });

  test("starts again what could not be started for a while", async () => {
    using folder = temporaryFolder();
    const program = join(folder.path, "nats-server");
    symlinkSync(pathOf("nats"), program);
    const data = join(folder.path, "data");
    copyStopped(data);
    const PATH = `${folder.path}:${process.env["PATH"]}`;
    await using stack = await startStack({ data, environment: { PATH } });
    const before = stack.pid("nats");
    rmSync(program);
    process.kill(before, "SIGKILL");
    await eventually("it says why", () => stack.output().includes("It cannot be started: "));
    // It is tried several times meanwhile.
    await Bun.sleep(1_000);
    expect(stack.output().match(/^.*cannot be started.*$/gm)).toEqual([
      expect.stringMatching(
        /^nats (?:ended .* s|does not run); it is tried again, at least every 5 s\. It cannot be started: ENOENT/,
      ),
    ]);
    symlinkSync(pathOf("nats"), program);
    await eventually("nats is back", () => stack.pid("nats") !== before);
    await eventually("it says so", () => stack.output().includes(`nats runs again (${stack.pid("nats")}).`));
    await eventually("the stack works", () => works(stack));
    expect(await stack.stop()).toBe(0);
  });

  test("starts again what lost its folder, and its logs, meanwhile", async () => {
    using folder = temporaryFolder();
    copyStopped(folder.path);
    await using stack = await startStack({ data: folder.path });
    for (const [name, part] of [
      ["redis", "redis"],
      ["nats", "nats"],
      ["nats", "logs"],
    ] as const) {
      const before = stack.pid(name);
      process.kill(before, "SIGSTOP");
      rmSync(join(folder.path, part), { recursive: true });
      process.kill(before, "SIGKILL");
      await eventually(`${name} is back`, () => stack.pid(name) !== before);
      await eventually(`the stack works without its ${part}`, () => works(stack));
    }
    expect(await stack.stop()).toBe(0);
  });

  test("pauses, and says why, where a process dies at once again and again", async () => {
    using folder = temporaryFolder();
    const dead = join(folder.path, "writers-die");
    const data = join(folder.path, "data");
    copyStopped(data);
    await using stack = await startStack({ data, environment: { STAND_IN_WRITER_DIES: dead } });
    writeFileSync(dead, "3");
    process.kill(stack.pid("writer-1"), "SIGKILL");
    await eventually("it pauses longer", () => stack.output().includes("next start in 0.4 s"));
    expect(stack.output()).toMatch(/writer-1 ended \(code 3\) after .* Its log ends: .*no luck today: 3/);
    // By this code a writer says that the books and the outbox differ.
    writeFileSync(dead, "65");
    await eventually("it asks for a person", () => stack.output().includes("writer-1 needs you"));
    expect(stack.output()).toMatch(/it is tried every 5 s\. Its log ends: .*no luck today: 65/);
    // Once that person has mended it, it goes on without one, and soon.
    rmSync(dead);
    const asked = stack.pid("writer-1");
    await eventually("it is tried again", () => stack.pid("writer-1") !== asked);
    await stack.settled();
    expect(await stack.stop()).toBe(0);
  });
});

describe.skipIf(serversMissing !== null)("the end", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`${signal} leaves no process, port, socket or record, and ends with 0`, async () => {
      using folder = temporaryFolder();
      copyStopped(folder.path);
      await using stack = await startStack({ data: folder.path });
      const { url, databaseUrl, redisUrl, natsUrl } = stack.description();
      stack.signal(signal);
      expect(await stack.ended).toBe(0);
      expect(processesOf(folder.path)).toEqual([]);
      for (const address of [url, databaseUrl, redisUrl, natsUrl]) {
        expect(await isFree(Number(new URL(address).port))).toBe(true);
      }
      expect(existsSync(join(folder.path, "stack.json"))).toBe(false);
      expect(readdirSync(join(folder.path, "run"))).toEqual([]);
      const logs = (name: string): string => readFileSync(join(folder.path, "logs", `${name}.log`), "utf8");
      expect(logs("postgres")).toContain("database system is shut down");
      expect(logs("redis")).toContain("ready to exit");
    });
  }

  test("on a second signal it ends everything at once", async () => {
    using folder = temporaryFolder();
    copyStopped(folder.path);
    await using stack = await startStack({ data: folder.path, environment: { STAND_IN_STUBBORN: "yes" } });
    stack.signal("SIGTERM");
    await Bun.sleep(500);
    // The stand-ins do not end when asked: only force can have ended them.
    expect(processesOf(folder.path).length).toBeGreaterThan(0);
    stack.signal("SIGTERM");
    await stack.ended;
    await eventually("no process is left", () => processesOf(folder.path).length === 0);
    expect(existsSync(join(folder.path, "stack.json"))).toBe(false);
  });

  test("while it still starts, stops it too", async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    copyStopped(data);
    const starting = stackToTheEnd({ data, environment: { STAND_IN_NEVER_READY: "yes" } });
    await eventually("an API runs", () => existsSync(join(data, "run/api-2.sock")));
    const [supervisor] = processesOf(data).filter((pid) => commandOf(pid).includes("stand-in-stack"));
    process.kill(supervisor ?? 0, "SIGTERM");
    expect((await starting).code).toBe(0);
    expect(processesOf(data)).toEqual([]);
  });
});

describe.skipIf(serversMissing !== null)("a start that cannot be", () => {
  test("a port in use is said, and nothing is left running", async () => {
    using folder = temporaryFolder();
    using taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
    const { code, output } = await stackToTheEnd({ data: join(folder.path, "data"), port: taken.port });
    expect(code).toBe(1);
    expect(output).toStartWith(`port ${taken.port} is in use`);
    expect(processesOf(folder.path)).toEqual([]);
    taken.stop(true);
  });

  test("init's refusal is said in its own words, and everything is stopped", async () => {
    using folder = temporaryFolder();
    const environment = { STAND_IN_REFUSAL: "Redis is older than the books: run `razonete restore`." };
    const { code, output } = await stackToTheEnd({ data: folder.path, environment });
    expect([code, output]).toEqual([
      1,
      "the ledger could not be set up: Redis is older than the books: run `razonete restore`. " +
        "For a stack that is: npm run stack -- --restore\n",
    ]);
    expect(processesOf(folder.path)).toEqual([]);
  });

  test("a server that refuses its data is quoted, and everything is stopped", async () => {
    using folder = temporaryFolder();
    copyStopped(folder.path);
    writeFileSync(join(folder.path, "redis/appendonlydir/appendonly.aof.manifest"), "nonsense\n");
    const { code, output } = await stackToTheEnd({ data: folder.path });
    expect(code).toBe(1);
    expect(output).toMatch(/redis does not start. Its log ends: .*manifest/);
    expect(processesOf(folder.path)).toEqual([]);
  });
});

describe.skipIf(serversMissing !== null)("after the supervisor was killed", () => {
  test("its processes go on, and the next start ends them and takes over their data", async () => {
    using folder = temporaryFolder();
    copyStopped(folder.path);
    await using killed = await startStack({ data: folder.path });
    const left = killed.description().processes.map(({ pid }) => pid);
    killed.signal("SIGKILL");
    await killed.ended;
    expect((await fetch(`${killed.url}/readyz`)).status).toBe(200);
    expect(processesOf(folder.path)).toEqual(expect.arrayContaining(left));

    await using next = await startStack({ data: folder.path, port: Number(new URL(killed.url).port) });
    expect(next.output()).toContain("was killed and left haproxy");
    const alive = processesOf(folder.path);
    expect(left.filter((pid) => alive.includes(pid))).toEqual([]);
    expect(await startsInBooks(next.description())).toBe(3);
    expect(await next.stop()).toBe(0);
  });

  test("PostgreSQL starts though the number in its lock file belongs to another process by now", async () => {
    using folder = temporaryFolder();
    copyStopped(folder.path);
    writeFileSync(join(folder.path, "postgres/postmaster.pid"), `${process.pid}\n`);
    await using stack = await startStack({ data: folder.path });
    expect(await startsInBooks(stack.description())).toBe(2);
    expect(await stack.stop()).toBe(0);
  });

  test("a process that has got the number of one of them is left alone", async () => {
    using folder = temporaryFolder();
    copyStopped(folder.path);
    const innocent = Bun.spawn(["sleep", "600"]);
    const record = { kind: "redis", pid: innocent.pid, started: "some boot 1234" };
    writeFileSync(join(folder.path, "run/redis.pid"), JSON.stringify(record));
    await using stack = await startStack({ data: folder.path });
    expect(await stack.stop()).toBe(0);
    expect(innocent.killed).toBe(false);
    innocent.kill();
    await innocent.exited;
  });
});

async function redisSettings(description: StackDescription): Promise<Record<string, string>> {
  const names = ["appendonly", "appendfsync", "no-appendfsync-on-rewrite", "save", "maxmemory-policy", "dir"];
  const settings = await withRedis(description, (redis) => redis.configGet(names));
  return Object.fromEntries(Object.entries(settings));
}

function pidIn(description: StackDescription, name: string): number | undefined {
  return description.processes.find((process) => process.name === name)?.pid;
}

/** What a promise that must not resolve rejects with. */
async function rejection(promise: PromiseLike<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error("it did not reject");
}
