import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import packageJson from "../../package.json" with { type: "json" };
import { EXECUTABLE } from "../../src/build/programs.ts";
import { environmentOfStack } from "../../src/config.ts";
import type { DataFolder } from "../../src/stack/data-folder.ts";
import { DEPLOY, OWN_COMMANDS, planStack, type StackPlan } from "../../src/stack/stack-plan.ts";

/**
 * docker-compose.yml against what `npm run stack` runs. There is no Docker where the tests run, so this holds what
 * can be held without it: the same parts, the same configuration files, the same settings.
 */

const ROOT = join(import.meta.dir, "../..");
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

const service = z.object({
  image: z.string(),
  build: z.string().optional(),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  volumes: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  depends_on: z.union([z.array(z.string()), z.record(z.string(), z.unknown())]).default([]),
});
const compose = z
  .object({ services: z.record(z.string(), service), volumes: z.record(z.string(), z.null()) })
  .parse(parse(read("docker-compose.yml"), { merge: true }));

function serviceOf(name: string): z.infer<typeof service> {
  const found = compose.services[name];
  if (found === undefined) throw new Error(`docker-compose.yml has no ${name}`);
  return found;
}

const folder: DataFolder = {
  path: "/data",
  logs: "/data/logs",
  run: "/data/run",
  redis: "/data/redis",
  nats: "/data/nats",
  postgres: "/data/postgres",
  stackFile: "/data/stack.json",
  operatorFile: "/data/operator.env",
  password: "secret",
  release: () => {},
};
const plan: StackPlan = planStack({
  folder,
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
  apis: 2,
  writers: 1,
  dispatchers: 1,
  redisMegabytes: null,
  ports: [1, 2, 3, 4, 5],
  environment: {},
  ownEnvironment: {},
  restore: null,
});
const processes = [
  plan.haproxy,
  ...plan.apis,
  plan.redis,
  plan.nats,
  ...plan.writers,
  plan.postgres,
  ...plan.others,
  plan.init,
];

test("has the same parts", () => {
  expect(Object.keys(compose.services).toSorted()).toEqual(processes.map(({ name }) => name).toSorted());
});

test("runs the same commands of our own, in an image of this repository", () => {
  for (const { name, kind, command } of processes) {
    if (kind !== "api" && kind !== "writer" && kind !== "init") continue;
    expect(serviceOf(name)).toMatchObject({ build: ".", command: [command.at(-1)] });
  }
  const dockerfile = read("Dockerfile");
  expect(dockerfile).toContain("RUN npm run build\n");
  expect(dockerfile).toContain(`COPY --from=build /razonete/${relative(ROOT, EXECUTABLE)} `);
  expect(dockerfile).toContain('ENTRYPOINT ["razonete"]');
  for (const [, sources = ""] of dockerfile.matchAll(/^COPY (?!--)(.+) \S+$/gm))
    for (const file of sources.split(" ")) expect(existsSync(join(ROOT, file))).toBe(true);
  expect(Object.keys(packageJson.dependencies)).toContain("bun");
});

test("reads the same configuration files", () => {
  const ofStack = processes.flatMap(({ command }) => command.filter((word) => word.startsWith(DEPLOY)));
  const shared = [...ofStack, join(DEPLOY, "postgresql.conf")].map((file) => `./${relative(ROOT, file)}`);
  const mounted = Object.values(compose.services).flatMap(({ volumes }) =>
    volumes.flatMap((volume) => (volume.startsWith("./") ? [String(volume.split(":")[0])] : [])),
  );
  for (const file of mounted) expect(existsSync(join(ROOT, file))).toBe(true);
  // What it does the stack does by itself; see aof-repair.test.ts for both.
  shared.push("./deploy/start-redis.sh", "./deploy/redis-users.acl");
  expect(mounted.toSorted()).toEqual(
    shared.map((file) => (file.includes("/haproxy/") ? "./deploy/haproxy" : file)).toSorted(),
  );
});

test("mounts only volumes that it declares", () => {
  const named = Object.values(compose.services).flatMap(({ volumes }) =>
    volumes.flatMap((volume) => (volume.startsWith("./") ? [] : [String(volume.split(":")[0])])),
  );
  expect(named.toSorted()).toEqual(Object.keys(compose.volumes).toSorted());
});

test("sets the variables that the configuration files read, and the stack the same", () => {
  const natsNames = new Set(
    [...read("deploy/nats.conf").matchAll(/^[^#"\n]*\$(\w+)/gm)].map(([, name]) => String(name)),
  );
  expect(natsNames.size).toBe(8);
  expect(new Set(Object.keys(serviceOf("nats").environment))).toEqual(natsNames);
  expect(new Set(Object.keys(plan.nats.environment))).toEqual(natsNames);

  const haproxyNames = [...read("deploy/haproxy/haproxy.cfg").matchAll(/\$\{?(\w+)\}?|defined\((\w+)\)/g)];
  const known = new Set(haproxyNames.map(([, name, condition]) => name ?? condition));
  for (const environment of [serviceOf("haproxy").environment, plan.haproxy.environment]) {
    expect(Object.keys(environment).filter((name) => !known.has(name))).toEqual([]);
    expect(environment).toMatchObject({ REQUEST_ID_HEADER: "Razonete-Request-Id" });
  }
  expect(serviceOf("haproxy").environment).toMatchObject({
    HAPROXY_API_1: "api-1:8080",
    HAPROXY_API_2: "api-2:8080",
  });
});

test("hands our own processes the same settings, but for where an API listens", () => {
  // A stack hands these to all of them, if they are set. Only init reads them.
  const settings = ["INITIAL_ACCOUNTS", "IDEMPOTENCY_HOURS"];
  expect(
    Object.keys(environmentOfStack({}, { INITIAL_ACCOUNTS: "none", IDEMPOTENCY_HOURS: "1" }).own),
  ).toEqual(settings);
  expect(serviceOf("init").environment).toMatchObject({
    INITIAL_ACCOUNTS: "${RAZONETE_INITIAL_ACCOUNTS:-contest}",
    IDEMPOTENCY_HOURS: "${RAZONETE_IDEMPOTENCY_HOURS:-}",
  });
  const addressless = (environment: Readonly<Record<string, string>>): string[] =>
    Object.keys(environment)
      .filter((name) => !["SOCKET", "HOST", "PORT", "OPEN", ...settings].includes(name))
      .toSorted();
  for (const { name, kind, environment } of processes) {
    if (kind !== "api" && kind !== "writer" && kind !== "init") continue;
    expect(addressless(serviceOf(name).environment)).toEqual(addressless(environment));
  }
  // Only this machine reaches the published port, but the APIs listen where they cannot know that.
  expect(serviceOf("haproxy").ports).toEqual(["127.0.0.1:${RAZONETE_PORT:-9999}:9999"]);
  expect(serviceOf("api-1").environment["OPEN"]).toBe("${RAZONETE_OPEN:-until-keys}");
  const [api] = plan.apis;
  for (const name of ["DRAIN_MS", "REQUEST_ID_HEADER", "CLIENT_ADDRESS_HEADER"]) {
    expect(serviceOf("api-1").environment[name]).toBe(api?.environment[name] ?? "");
  }
});

test("waits only for services that there are", () => {
  for (const { depends_on: needs } of Object.values(compose.services)) {
    for (const name of Array.isArray(needs) ? needs : Object.keys(needs)) serviceOf(name);
  }
});
