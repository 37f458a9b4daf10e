import { describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { readConsoleConfig } from "../../src/config/console-config.ts";
import { readRedisNodesConfig } from "../../src/config/redis-nodes-config.ts";
import { NODE_PORTS, OTHER_PORTS } from "../../src/stack/ports.ts";
import { OWN_COMMANDS, planStack } from "../../src/stack/stack-plan.ts";
import { commandOf, exampleSettings, machinesFile, withSettings } from "./support/machines.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { plannedFolder } from "./support/planned-folder.ts";

/** deploy/machines against what `npm run stack -- --replicas 2` runs, and against itself. machines.long.test.ts runs it. */

const DEPLOY = join(import.meta.dir, "../../deploy");
const read = (file: string): string => readFileSync(join(DEPLOY, file), "utf8");

const plan = planStack({
  folder: plannedFolder,
  programs: {
    haproxy: "haproxy",
    redis: "redis-server",
    nats: "nats-server",
    postgres: "postgres",
    initdb: "",
  },
  postgresUser: { prefix: [], ids: null },
  own: OWN_COMMANDS,
  port: 9999,
  apis: 3,
  writers: 3,
  dispatchers: 1,
  shards: 3,
  replicas: 2,
  redisMegabytes: null,
  ports: [1, 2, 3, 4, 5, 6],
  nodePorts: (name) => 300 + NODE_PORTS.indexOf(name),
  otherPorts: (name) => 100 + OTHER_PORTS.indexOf(name),
  environment: {},
  ownEnvironment: {},
  restore: null,
});

const settings = { ...exampleSettings() };
for (const name of Object.keys(settings).filter((each) => each.includes("PASSWORD"))) settings[name] = name;

function environmentOf(name: string): Record<string, string> {
  const environment = machinesFile.services[name]?.environment ?? {};
  return Object.fromEntries(
    Object.entries(environment).map(([key, value]) => [key, withSettings(value, settings)]),
  );
}

test("each variable of the compose file is in example.env, and each of that is used", () => {
  const used = new Set(
    [...read("machines/docker-compose.yml").matchAll(/\$\{(RAZONETE_\w+)/g)].map(([, name]) => String(name)),
  );
  const told = new Set(read("machines/example.env").match(/RAZONETE_\w+/g) ?? []);
  // One that counts at a single start, which docs/operations.md tells.
  used.delete("RAZONETE_ETCD_STATE");
  expect([...told].toSorted()).toEqual([...used].toSorted());
});

test("mounts files that are there, and volumes that it declares", () => {
  const sources = Object.values(machinesFile.services).flatMap(({ volumes }) =>
    volumes.map((volume) => String(volume.split(":")[0])),
  );
  // Its user's own certificate may be there.
  const files = sources.filter((source) => source.startsWith(".") && source !== "./tls");
  for (const file of files) expect(existsSync(resolve(DEPLOY, "machines", file))).toBe(true);
  const named = new Set(sources.filter((source) => !source.startsWith(".")));
  expect([...named].toSorted()).toEqual(Object.keys(machinesFile.volumes).toSorted());
});

test("sets what the servers' configuration files read", () => {
  const wanted = ["nats.conf", "nats-cluster.conf"].flatMap((file) =>
    [...read(file).matchAll(/^[^#"\n]*\$(\w+)/gm)].map(([, name]) => String(name)),
  );
  const given = Object.keys(environmentOf("nats"));
  expect(given.toSorted()).toEqual([...new Set(wanted)].toSorted());
  expect(given.toSorted()).toEqual(Object.keys(plan.nats[0]?.environment ?? {}).toSorted());
  const known = new Set(read("haproxy/haproxy.cfg").match(/\b[A-Z][A-Z_]*[A-Z](?:_\d)?\b/g) ?? []);
  expect(Object.keys(environmentOf("haproxy")).filter((name) => !known.has(name))).toEqual([]);
});

test("hands our own processes the same settings as a stack, but for where they listen", () => {
  const where = ["SOCKET", "HOST", "PORT", "METRICS_HOST", "METRICS_PORT", "LOG_FORMAT"];
  const names = (environment: Readonly<Record<string, string>>): string[] =>
    Object.keys(environment)
      .filter((name) => !where.includes(name))
      .toSorted();
  // Redis Cluster's default, which a stack says aloud.
  const same = (of: Readonly<Record<string, string>>): string[] =>
    names(of).filter((name) => name !== "MIN_REPLICAS");
  expect(names(environmentOf("api"))).toEqual(same(plan.apis[0]?.environment ?? {}));
  expect(names(environmentOf("writer"))).toEqual(same(plan.writers[0]?.environment ?? {}));
  const counting = ["INITIAL_ACCOUNTS", "IDEMPOTENCY_HOURS", "SHARDS"];
  expect(names(environmentOf("operator"))).toEqual([...same(plan.init.environment), ...counting].toSorted());
});

test("all name the same nodes, those that begin as primaries first and each on another machine", () => {
  const { urls } = readRedisNodesConfig(environmentOf("operator"));
  const hosts = urls.map((url) => new URL(url).host);
  expect(hosts).toEqual(
    ["6379", "6380", "6381"].flatMap((port) =>
      ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map((at) => `${at}:${port}`),
    ),
  );
  for (const name of ["redis-1", "redis-join", "api", "writer"])
    expect(environmentOf(name)["REDIS_URL"]).toEndWith(`@${hosts.join(",")}`);
  for (const [index, name] of ["redis-1", "redis-2", "redis-3"].entries())
    expect(environmentOf(name)["REDIS_NODE"]).toBe(hosts[index * 3]);
});

test("the console asks every part on every machine, where it listens", () => {
  const { targets } = readConsoleConfig(environmentOf("console"));
  expect(targets.map(({ name }) => name.replace(/-\d$/, "")).filter((name) => name !== "redis")).toEqual(
    ["haproxy", "api", "nats", "writer", "dispatch", "postgres"].flatMap((name) => [name, name, name]),
  );
  const books = targets.flatMap(({ name, url }) => (name.startsWith("postgres-") ? [url.host] : []));
  expect(environmentOf("api")["DATABASE_URL"]).toContain(`@${books.join(",")}/`);
  for (const { name, url } of targets.filter((each) => /^(?:api|writer|dispatch)-/.test(each.name)))
    expect(url.port).toBe(environmentOf(name.replace(/-\d$/, ""))["METRICS_PORT"] ?? "");
  const nodes = targets.flatMap(({ name, url }) => (name.startsWith("redis-") ? [url.host] : []));
  expect(environmentOf("api")["REDIS_URL"]).toEndWith(`@${nodes.join(",")}`);
});

test("start-redis.sh runs Redis also where there is no Docker, and says what a node of a cluster lacks", () => {
  using folder = temporaryFolder();
  const start = (more: Readonly<Record<string, string>>) => {
    const { exitCode, stdout, stderr } = Bun.spawnSync(
      ["sh", join(DEPLOY, "start-redis.sh"), "echo", "started with"],
      { env: { PATH: "/usr/bin:/bin", REDIS_DATA: folder.path, ...more } },
    );
    return [exitCode, stdout.toString() + stderr.toString()];
  };
  expect(start({})).toEqual([0, "started with\n"]);
  expect(start({ REDIS_NODE: "10.0.0.1:6379" })).toEqual([
    1,
    "start-redis.sh: razonete is not on PATH. Put dist/razonete there, which npm run build makes.\n",
  ]);
});

describe("run.sh, for who has no Docker", () => {
  const RUN = join(DEPLOY, "machines/run.sh");
  /** In place of the programs: what they are called with, and their environment. */
  const PROGRAM = `#!/bin/sh\nprintf '%s\\0' "\${0##*/}" "$@"\nprintf '\\n'\nenv -0\n`;

  function called(folder: string, script: string, args: readonly string[], given: Record<string, string>) {
    const bin = join(folder, "bin");
    mkdirSync(bin, { recursive: true });
    for (const name of ["razonete", "sh", "nats-server", "etcd", "patroni", "patronictl", "haproxy"])
      writeFileSync(join(bin, name), PROGRAM, { mode: 0o755 });
    const PATH = `${bin}:/usr/bin:/bin`;
    const { exitCode, stdout, stderr } = Bun.spawnSync(["/bin/sh", script, ...args], {
      env: { PATH, STATE_DIRECTORY: join(folder, "state"), ...given },
    });
    const [command = "", environment = ""] = stdout.toString().split("\0\n");
    const pairs = environment.split("\0").map((pair) => /^(\w+)=(.*)$/s.exec(pair)?.slice(1) ?? []);
    return {
      exitCode,
      stderr: stderr.toString(),
      command: command.split("\0"),
      environment: Object.fromEntries(
        pairs.filter(
          ([name = ""]) => !["", "PATH", "PWD", "OLDPWD", "SHLVL", "_", "STATE_DIRECTORY"].includes(name),
        ),
      ),
    };
  }

  const own = Object.fromEntries(Object.entries(settings).filter(([name]) => name.startsWith("RAZONETE_")));
  const others = {
    ...own,
    RAZONETE_MACHINE: "3",
    RAZONETE_ADDRESS: "10.0.0.3",
    RAZONETE_SHARDS: "8",
    RAZONETE_REDIS_MEMORY: "4gb",
    RAZONETE_BOOKS: "books-1:5432,books-2:5432",
    RAZONETE_BOOKS_PARTS: "postgres-1=postgres://books-1:5432,postgres-2=postgres://books-2:5432",
    RAZONETE_BOOKS_TLS: "&sslmode=verify-full",
    RAZONETE_MIN_STANDBYS: "0",
    RAZONETE_BIND: "*:443",
    RAZONETE_TLS: "/etc/razonete/ledger.pem",
    RAZONETE_ADDRESS_CONNECTIONS: "",
    RAZONETE_ADDRESS_RATE: "7",
    RAZONETE_KEY_RATE: "8",
    RAZONETE_INITIAL_ACCOUNTS: "contest",
    RAZONETE_IDEMPOTENCY_HOURS: "9",
    RAZONETE_LOG_FORMAT: "json",
    RAZONETE_ETCD_STATE: "existing",
  };

  test.each(Object.keys(machinesFile.services))("%s is what docker compose would run", (name) => {
    for (const given of [own, others]) {
      using folder = temporaryFolder();
      const { exitCode, stderr, command, environment } = called(folder.path, RUN, [name], given);
      expect([exitCode, stderr]).toEqual([0, ""]);
      expect({ command, environment }).toEqual(commandOf(name, join(folder.path, "state"), given));
    }
  });

  test("reads machine.env beside it, and runs other commands with what a service knows", () => {
    using folder = temporaryFolder();
    const script = join(folder.path, "run.sh");
    copyFileSync(RUN, script);
    const lines = Object.entries(others).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(
      join(folder.path, "machine.env"),
      ["# Ours\n", "COMPOSE_PROFILES=patroni\n", ...lines].join(""),
    );
    const audit = called(folder.path, script, ["operator", "audit", "--json"], {});
    expect(audit.command).toEqual(["razonete", "audit", "--json"]);
    expect(audit.environment).toEqual(called(folder.path, RUN, ["operator"], others).environment);
    const list = called(folder.path, script, ["postgres", "patronictl", "-c", "a file", "list"], {});
    expect(list.command).toEqual(["patronictl", "-c", "a file", "list"]);
    expect(list.environment["PATRONI_NAME"]).toBe("books-3");
  });

  test("says what is missing", () => {
    using folder = temporaryFolder();
    const none = called(folder.path, RUN, ["redis"], own);
    expect([none.exitCode, none.stderr]).toEqual([1, "run.sh: docker-compose.yml has no service redis.\n"]);
    const { RAZONETE_API_PASSWORD: _, ...without } = own;
    expect(called(folder.path, RUN, ["api"], without).stderr).toContain("RAZONETE_API_PASSWORD");
  });
});
