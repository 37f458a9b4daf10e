import { expect, test } from "bun:test";
import { join } from "node:path";
import { withConsole } from "../../src/stack/plan-console.ts";
import { planObservers, targetsOf } from "../../src/stack/plan-observers.ts";
import { type NodePort, NODE_PORTS, OTHER_PORTS, type OtherPort } from "../../src/stack/ports.ts";
import { DEPLOY, type ProcessPlan } from "../../src/stack/process-plan.ts";
import { type PlanOptions, planStack, type StackPlan } from "../../src/stack/stack-plan.ts";
import { plannedFolder } from "./support/planned-folder.ts";

/** What the stack starts, without starting it: every process by its command line, its environment and its input. */

const FILE = join(import.meta.dir, "support/plan-without-flags.json");
const FORM_FILE = join(import.meta.dir, "support/plan-with-replicas.json");
const otherPorts = (name: OtherPort): number => 30_100 + OTHER_PORTS.indexOf(name);
const environment = { PATH: "/usr/bin", RAZONETE_STACK: "/data" };
const ownEnvironment = { OUTBOX_BATCHES_MAX: "1000" };
const own = {
  init: ["razonete", "init"],
  restore: ["razonete", "restore"],
  api: ["razonete", "api"],
  writer: ["razonete", "writer"],
  dispatch: ["razonete", "dispatch"],
  console: ["razonete", "console"],
};

function planned(options: Partial<PlanOptions> = {}): StackPlan {
  const ledger = planStack({
    folder: plannedFolder,
    programs: {
      redis: "/bin/redis-server",
      nats: "/bin/nats-server",
      haproxy: "/bin/haproxy",
      postgres: "/bin/postgres",
      initdb: "/bin/initdb",
    },
    postgresUser: { prefix: [], ids: null },
    own,
    restore: ["--yes"],
    port: 9999,
    apis: 2,
    writers: 1,
    dispatchers: 1,
    redisMegabytes: 2_000,
    ports: [30_001, 30_002, 30_003, 30_004, 30_005],
    otherPorts,
    environment,
    ownEnvironment,
    ...options,
  });
  return withConsole({ plan: ledger, own, ports: otherPorts, environment, ownEnvironment });
}

/** All that a process is given, and what is told of it; without this machine's folders. */
function told(plan: StackPlan): unknown {
  const observe = {
    prometheus: "/bin/prometheus",
    redisExporter: "/bin/redis-exporter",
    postgresExporter: "/bin/postgres-exporter",
  };
  const observers = planObservers({
    plan,
    programs: observe,
    folder: plannedFolder,
    ports: otherPorts,
    environment,
  });
  const process = (one: ProcessPlan) => {
    const { probe: _, beforeStart, input, ...rest } = one;
    return {
      ...rest,
      // What Redis's users may do is said in deploy/redis-users.acl.
      ...(input === undefined ? {} : { input: withoutRights(input) }),
      isPrepared: beforeStart !== undefined,
    };
  };
  const { haproxy, apis, redis, nats, writers, postgres, others, init, restore, ...rest } = plan;
  const all = { haproxy, apis, redis, nats, writers, postgres, others, init, restore, observers };
  const described = Object.entries(all).map(([name, one]) => [
    name,
    one === null ? null : [one].flat().map(process),
  ]);
  const text = JSON.stringify(
    { ...Object.fromEntries(described), ...rest, targets: targetsOf(plan, otherPorts) },
    null,
    2,
  );
  return JSON.parse(text.replaceAll(DEPLOY, "/deploy"));
}

function withoutRights(input: string): string {
  const lines = input.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return lines.map((line) => line.replace(/^(user \S+ on #[0-9a-f]+).*$/, "$1")).join("\n");
}

test("without flags everything is started as it always was", async () => {
  expect(told(planned())).toEqual(await Bun.file(FILE).json());
});

test("with replicas everything is started as it was when this form began", async () => {
  const form = {
    shards: 3,
    replicas: 2,
    writers: 2,
    nodePorts: (name: NodePort): number => 30_300 + NODE_PORTS.indexOf(name),
  };
  expect(told(planned(form))).toEqual(await Bun.file(FORM_FILE).json());
});

test("with shards the same processes are started, and their Redis is told to have all of them", async () => {
  const { redis, ...same } = Object(told(planned({ shards: 3 })));
  const { redis: before, ...always } = Object(await Bun.file(FILE).json());
  expect(same).toEqual(always);
  expect(redis).toEqual([{ ...before[0], serves: { role: "primary", shards: [0, 1, 2] } }]);
});

test("more APIs than the one that works and the one that stands by share the shards", () => {
  const shared = (options: Partial<PlanOptions>) => {
    const { HAPROXY_SHARDS, HAPROXY_APIS } = planned(options).haproxy.environment;
    return [HAPROXY_SHARDS, HAPROXY_APIS];
  };
  const three = { apis: 3, ports: [30_001, 30_002, 30_003, 30_004, 30_005, 30_006] };
  expect(shared({ ...three, shards: 4 })).toEqual(["4", "3"]);
  for (const filled of [three, { ...three, shards: 1 }, { shards: 4 }])
    expect(shared(filled)).toEqual([undefined, undefined]);
});

test("with replicas PostgreSQL is two that follow each other, and no process takes a standby for the books", () => {
  const plan = planned({ replicas: 1, shards: 1, nodePorts: (name) => 30_300 + NODE_PORTS.indexOf(name) });
  const [first, second] = [NODE_PORTS.indexOf("postgres-1"), NODE_PORTS.indexOf("postgres-2")].map(
    (place) => 30_300 + place,
  );
  expect(plan.postgres.map(({ name, command }) => [name, command[2], command[4]])).toEqual([
    ["postgres-1", "/data/postgres-1", `port=${first}`],
    ["postgres-2", "/data/postgres-2", `port=${second}`],
  ]);
  const hosts = `127.0.0.1:${first},127.0.0.1:${second}`;
  for (const { environment: given } of [...plan.apis, ...plan.writers, plan.init]) {
    expect(given["DATABASE_URL"]).toEndWith(`@${hosts}/razonete?target_session_attrs=primary`);
    expect(given["MIN_STANDBYS"]).toBe("1");
  }
  const follows = (port: number | undefined, name: string) =>
    expect.stringMatching(new RegExp(`primary_conninfo = '.*port=${port} .*application_name=${name}'`));
  expect(plan.postgresPair?.nodes.map(({ settings }) => settings)).toEqual([
    follows(second, "postgres_1"),
    follows(first, "postgres_2"),
  ]);
  expect(plan.observerUrls.postgres.split(",")).toHaveLength(2);
});
