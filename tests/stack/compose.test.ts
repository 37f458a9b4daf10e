import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import packageJson from "../../package.json" with { type: "json" };
import { EXECUTABLE } from "../../src/build/programs.ts";
import { environmentOfStack } from "../../src/config.ts";
import { readConsoleConfig } from "../../src/config/console-config.ts";
import { planObservers, targetsOf } from "../../src/stack/plan-observers.ts";
import { OTHER_PORTS } from "../../src/stack/ports.ts";
import { withConsole } from "../../src/stack/plan-console.ts";
import type { ProcessKind } from "../../src/stack/process-kinds.ts";
import { DEPLOY } from "../../src/stack/process-plan.ts";
import { OWN_COMMANDS, planStack, type StackPlan } from "../../src/stack/stack-plan.ts";
import { plannedFolder } from "./support/planned-folder.ts";

/**
 * docker-compose.yml against what `npm run stack` runs. There is no Docker where the tests run, so this holds what
 * can be held without it: the same parts, the same configuration files, the same settings.
 */

const ROOT = join(import.meta.dir, "../..");
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

const service = z.object({
  image: z.string(),
  build: z.string().optional(),
  /** It runs only where the profile is asked for. */
  profiles: z.array(z.string()).default([]),
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

const ledger: StackPlan = planStack({
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
  apis: 2,
  writers: 1,
  dispatchers: 1,
  redisMegabytes: null,
  ports: [1, 2, 3, 4, 5],
  otherPorts: (name) => 100 + OTHER_PORTS.indexOf(name),
  environment: {},
  ownEnvironment: {},
  restore: null,
});
const plan = withConsole({
  plan: ledger,
  own: OWN_COMMANDS,
  ports: () => 9,
  environment: {},
  ownEnvironment: {},
});
const processes = [
  plan.haproxy,
  ...plan.apis,
  ...plan.redis,
  ...plan.nats,
  ...plan.writers,
  ...plan.postgres,
  ...plan.others,
  plan.init,
];
const OWN_KINDS: readonly ProcessKind[] = ["api", "writer", "init", "console", "dispatch"];

/** Services without a profile, and those of one. */
const servicesOf = (profile?: string) =>
  Object.entries(compose.services).filter(([, { profiles }]) =>
    profile === undefined ? profiles.length === 0 : profiles.includes(profile),
  );

test("has the same parts", () => {
  const names = servicesOf().map(([name]) => name);
  expect(names.toSorted()).toEqual(processes.map(({ name }) => name).toSorted());
});

test("has the same observers in a profile of their own, which ask the same of the same, and Grafana", () => {
  const observers = planObservers({
    plan,
    programs: { prometheus: "", redisExporter: "", postgresExporter: "" },
    folder: plannedFolder,
    ports: (name) => 100 + OTHER_PORTS.indexOf(name),
    environment: {},
  });
  const names = servicesOf("observe").map(([name]) => name);
  expect(names.toSorted()).toEqual([...observers.map(({ name }) => name), "grafana"].toSorted());
  for (const name of ["redis-exporter", "postgres-exporter"]) {
    const planned = observers.find((observer) => observer.name === name);
    expect(Object.keys(serviceOf(name).environment)).toEqual(
      expect.arrayContaining(Object.keys(planned?.environment ?? {})),
    );
  }
  const groups = z
    .array(z.object({ targets: z.array(z.string()), labels: z.record(z.string(), z.string()) }))
    .parse(JSON.parse(read("deploy/observe/targets.json")));
  const ofStack = targetsOf(plan, () => 0).map(({ job, process }) => ({ job, instance: process }));
  expect(groups.map(({ labels }) => labels)).toEqual(ofStack);
  for (const { targets } of groups) serviceOf(String(targets[0]?.split(":")[0]));
  for (const [, { volumes }] of servicesOf("observe"))
    for (const volume of volumes.filter((each) => each.startsWith("./")))
      expect(existsSync(join(ROOT, String(volume.split(":")[0])))).toBe(true);
});

test("runs the same commands of our own, in an image of this repository", () => {
  for (const { name, kind, command } of processes) {
    if (!OWN_KINDS.includes(kind)) continue;
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
  const mounted = servicesOf().flatMap(([, { volumes }]) =>
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
  expect(natsNames.size).toBe(9);
  expect(new Set(Object.keys(serviceOf("nats").environment))).toEqual(natsNames);
  expect(new Set(Object.keys(plan.nats[0]?.environment ?? {}))).toEqual(natsNames);

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

/** How our own processes tell of themselves. A stack hands them on where they are set. */
const OBSERVED = [
  "LOG_FORMAT",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_HEADERS",
  "OTEL_TRACES_SAMPLER",
  "OTEL_TRACES_SAMPLER_ARG",
];

test("lets our own processes tell of themselves as they do in a stack", () => {
  const set = Object.fromEntries(OBSERVED.map((name) => [name, "people"]));
  expect(Object.keys(environmentOfStack({}, set).own)).toEqual(OBSERVED);
  for (const name of ["init", "api-1", "api-2", "writer-1", "dispatch-1", "console"])
    expect(Object.keys(serviceOf(name).environment)).toEqual(expect.arrayContaining(OBSERVED));
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
      .filter(
        (name) =>
          ![
            "SOCKET",
            "HOST",
            "PORT",
            "METRICS_HOST",
            "METRICS_PORT",
            "OPEN",
            ...settings,
            ...OBSERVED,
          ].includes(name),
      )
      .toSorted();
  for (const { name, kind, environment } of processes) {
    if (!OWN_KINDS.includes(kind)) continue;
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

test("the console asks each part that can be asked, where it listens", () => {
  const { targets } = readConsoleConfig({ ...serviceOf("console").environment, OPEN: "" });
  for (const { name, url } of targets) expect(url.hostname).toBe(name);
  // The same as in a stack, in the same way. No password goes there.
  const ofStack = readConsoleConfig(
    plan.others.find(({ name }) => name === "console")?.environment ?? {},
  ).targets;
  const how = (all: typeof targets) =>
    all.map(({ name, url }) => [name, url.protocol, url.pathname, url.search, url.username]);
  expect(how(targets)).toEqual(how(ofStack));
  expect(ofStack.map(({ name }) => name)).toEqual([
    "haproxy",
    "api-1",
    "api-2",
    "redis",
    "nats",
    "writer-1",
    "dispatch-1",
  ]);
  for (const { name, url } of targets.filter(({ name: one }) => /^(?:api|writer|dispatch)-/.test(one)))
    expect(url.port).toBe(serviceOf(name).environment["METRICS_PORT"] ?? "");
  expect(serviceOf("haproxy").environment["HAPROXY_METRICS"]).toBe("*:8405");
  const { PORT } = serviceOf("console").environment;
  expect(serviceOf("haproxy").environment["HAPROXY_CONSOLE"]).toBe(`console:${PORT}`);
});

test("waits only for services that there are", () => {
  for (const { depends_on: needs } of Object.values(compose.services)) {
    for (const name of Array.isArray(needs) ? needs : Object.keys(needs)) serviceOf(name);
  }
});
