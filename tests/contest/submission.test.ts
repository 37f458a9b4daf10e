import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import postgres from "postgres";
import { parse } from "yaml";
import { z } from "zod";
import { ownCommands, withSubmissionSettings } from "../../proof/contest/submission-processes.ts";
import {
  SUBMISSION_BOUNDS,
  submissionFileFor,
  MEGABYTE_BYTES,
  readSubmission,
  serviceNamed,
  SUBMISSION_FILE,
} from "../../proof/contest/submission.ts";
import { LOCK_CLASS, writerLock } from "../../src/keep/postgres-client.ts";
import { DEPLOY, type ProcessPlan } from "../../src/stack/process-plan.ts";
import { OWN_COMMANDS, planStack } from "../../src/stack/stack-plan.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/**
 * Checks deploy/rinha/docker-compose.yml against the contest's rules, and against the stack's own configuration, as far as
 * that is possible without Docker, which the tests do not have.
 */

setDefaultTimeout(60_000);
failOnLeaks();

const submission = readSubmission();
const services = [...submission];

const service = z.object({
  image: z.string(),
  build: z.string().optional(),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  volumes: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
});
const compose = z
  .object({
    services: z.record(z.string(), service.extend({ depends_on: z.array(z.string()).default([]) })),
    volumes: z.record(z.string(), z.unknown()),
  })
  .parse(parse(readFileSync(SUBMISSION_FILE, "utf8"), { merge: true }));
const ofRoot = z
  .object({ services: z.record(z.string(), service) })
  .parse(parse(readFileSync(join(DEPLOY, "../docker-compose.yml"), "utf8"), { merge: true }));

const plan = planStack({
  folder: {
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
  },
  programs: {
    haproxy: "haproxy",
    redis: "redis-server",
    nats: "nats-server",
    postgres: "postgres",
    initdb: "",
  },
  postgresUser: { prefix: [], ids: null },
  own: ownCommands(submission, ["razonete"]),
  restore: null,
  port: 9999,
  apis: 2,
  writers: 1,
  redisMegabytes: null,
  ports: [1, 2, 3, 4, 5],
  environment: {},
  ownEnvironment: {},
});
const native = withSubmissionSettings(plan, submission, (name) => ["enter", name], 1);
const processes: readonly ProcessPlan[] = [
  native.haproxy,
  ...native.apis,
  ...native.redis,
  ...native.nats,
  ...native.writers,
  ...native.postgres,
];

test("all limits together are within the contest's", () => {
  const cpus = services.reduce((sum, [, { limits }]) => sum + limits.cpus, 0);
  const megabytes = services.reduce((sum, [, { limits }]) => sum + limits.memoryBytes, 0) / MEGABYTE_BYTES;
  // Tenths and hundredths are not exact as binary fractions.
  expect(cpus).toBeLessThanOrEqual(SUBMISSION_BOUNDS.cpus + 1e-9);
  expect(megabytes).toBeLessThanOrEqual(SUBMISSION_BOUNDS.memory_megabytes);
  expect(SUBMISSION_BOUNDS).toEqual({ cpus: 1.5, memory_megabytes: 550, ready_seconds: 40 });
});

test("has what the contest requires: a balancer on port 9999, two APIs, and every part of the chain", () => {
  expect(services.map(([name]) => name).toSorted()).toEqual(
    ["haproxy", "api-1", "api-2", "redis", "nats", "writer-1", "postgres"].toSorted(),
  );
  expect(compose.services["haproxy"]?.ports).toEqual(["9999:9999"]);
  expect(submission.get("api-1")?.limits).toEqual(serviceNamed(submission, "api-2").limits);
});

test("runs our own commands, in the one image of the repository; the writer does the work of init", () => {
  for (const [name, { image, build, command }] of Object.entries(compose.services)) {
    const isOwn = /^(api|writer)/.test(name);
    expect([name, image === "razonete", build]).toEqual([name, isOwn, isOwn ? "../.." : undefined]);
    if (isOwn) expect(command).toEqual(name === "writer-1" ? ["writer", "--init"] : ["api"]);
    else expect(image).toBe(String(ofRoot.services[name]?.image));
  }
});

test("sets what the root's docker-compose.yml sets, but for where an API listens, TLS, limits, and who looks on", () => {
  const left =
    /^(SOCKET|HOST|PORT|CLIENT_ADDRESS_HEADER|HAPROXY_(APIS|DNS|ROUND_ROBIN|SHARDS|TLS|ADDRESS_.*|KEY_.*)|BUN_.*|GO.*)$/;
  // Nobody looks on there: no console, no readers of events, no metrics, logs and traces as by default.
  const onlookers =
    /^(HAPROXY_(ACCESS_LOG|CONSOLE|EVENTS|METRICS|REQUEST_ID)|METRICS_.*|NATS_MONITOR.*|.*_OBSERVER_PASSWORD|LOG_FORMAT|OTEL_.*|WEBHOOK_.*)$/;
  const names = (of: Readonly<Record<string, string>>): string[] =>
    Object.keys(of)
      .filter((name) => !left.test(name) && !onlookers.test(name))
      // One user does everything here.
      .filter((name) => !/^(REDIS|NATS)_(ADMIN|API|WRITER)_PASSWORD$|^REDIS_PASSWORD$/.test(name))
      .toSorted();
  for (const [name, { environment }] of Object.entries(compose.services))
    expect([name, ...names(environment)]).toEqual([name, ...names(ofRoot.services[name]?.environment ?? {})]);
  for (const name of ["api-1", "api-2"]) {
    const { SOCKET = "", OPEN = "", DRAIN_MS, REQUEST_ID_HEADER } = compose.services[name]?.environment ?? {};
    // The contest's clients have no access key.
    expect([name, OPEN]).toEqual([name, "1"]);
    const number = name.slice("api-".length);
    expect(compose.services["haproxy"]?.environment[`HAPROXY_API_${number}`]).toBe(`unix@${SOCKET}`);
    expect(ofRoot.services[name]?.environment).toMatchObject({
      DRAIN_MS: String(DRAIN_MS),
      REQUEST_ID_HEADER: String(REQUEST_ID_HEADER),
    });
  }
});

test("reaches Redis where it listens, over a volume that all of them mount", () => {
  const redis = compose.services["redis"];
  const socket = redis?.command[redis.command.indexOf("--unixsocket") + 1] ?? "";
  const password = redis?.command[redis.command.indexOf("--requirepass") + 1] ?? "";
  const users = Object.entries(compose.services).filter(([, { environment }]) => "REDIS_URL" in environment);
  expect(users.map(([name]) => name).toSorted()).toEqual(["api-1", "api-2", "writer-1"]);
  for (const [name, { environment, volumes }] of users) {
    expect([name, environment["REDIS_URL"]]).toEqual([name, `unix://:${password}@${socket}`]);
    expect(volumes).toContain(`redis-socket:${dirname(socket)}`);
  }
  expect(redis?.volumes).toContain(`redis-socket:${dirname(socket)}`);
});

test("mounts existing files, and volumes that it declares", () => {
  for (const { volumes, depends_on: needs } of Object.values(compose.services)) {
    for (const name of needs) expect(Object.keys(compose.services)).toContain(name);
    for (const volume of volumes) {
      const [source = ""] = volume.split(":");
      if (!source.startsWith(".")) expect(Object.keys(compose.volumes)).toContain(source);
    }
  }
  const files = services
    .flatMap(([, of]) => of.files)
    .map((file) => relative(dirname(SUBMISSION_FILE), file));
  expect(files.toSorted()).toEqual([
    "../start-redis.sh",
    "nats.conf",
    "postgresql.conf",
    "redis.conf",
    "small.cfg",
  ]);
});

describe("run natively", () => {
  test("every process enters its group first, with its own configuration file and runtime settings", () => {
    expect(processes.map(({ name }) => name).toSorted()).toEqual(services.map(([name]) => name).toSorted());
    for (const { name, command, environment } of processes) {
      expect(command.slice(0, 2)).toEqual(["enter", name]);
      expect(environment).toMatchObject(serviceNamed(submission, name).environment);
    }
    expect(native.redis[0]?.command).toContain(join(DEPLOY, "rinha/redis.conf"));
    expect(native.nats[0]?.command).toContain(join(DEPLOY, "rinha/nats.conf"));
    expect(native.haproxy.command.slice(-4)).toEqual([
      "-f",
      join(DEPLOY, "haproxy/haproxy.cfg"),
      "-f",
      join(DEPLOY, "rinha/small.cfg"),
    ]);
    expect(submissionFileFor(serviceNamed(submission, "postgres"), join(DEPLOY, "postgresql.conf"))).toBe(
      join(DEPLOY, "rinha/postgresql.conf"),
    );
    expect(native.nats[0]?.environment).toMatchObject({ GOMEMLIMIT: expect.stringMatching(/^\d+MiB$/) });
    expect(OWN_COMMANDS.init.at(-1)).toBe("init");
    expect([native.init.command, native.writers[0]?.command]).toEqual([
      ["true"],
      ["enter", "writer-1", "razonete", "writer", "--init"],
    ]);
  });

  // The settings that may differ. Everything else is the stack's own, including what makes an answer durable.
  for (const [file, separator, different] of [
    ["redis.conf", " ", ["latency-monitor-threshold", "maxmemory"]],
    [
      "postgresql.conf",
      " = ",
      [
        "autovacuum_max_workers",
        "default_statistics_target",
        "maintenance_work_mem",
        "max_connections",
        "max_wal_size",
        "shared_buffers",
      ],
    ],
    ["nats.conf", ": ", ["http", "max_file_store", "max_memory_store"]],
  ] as const) {
    test(`${file} is the stack's own, but for ${different.join(", ")}`, () => {
      const settings = (path: string): Map<string, string> =>
        new Map(
          readFileSync(path, "utf8")
            // One user does everything in the submission.
            .replace(/^authorization \{.*?^\}/ms, "")
            .split("\n")
            .map((line) => line.trim())
            .filter((line) => line !== "" && !line.startsWith("#"))
            .map((line) => {
              const at = line.indexOf(separator);
              return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at)];
            }),
        );
      const stack = settings(join(DEPLOY, file));
      const rinha = settings(join(DEPLOY, "rinha", file));
      const names = new Set([...stack.keys(), ...rinha.keys()]);
      expect([...names].filter((name) => stack.get(name) !== rinha.get(name)).toSorted()).toEqual([
        ...different,
      ]);
    });
  }

  test("the most that a runtime or a server uses is below the limit of its service", () => {
    const redis = /^maxmemory (\d+)mb$/m.exec(readFileSync(join(DEPLOY, "rinha/redis.conf"), "utf8"));
    const go = /^(\d+)MiB$/.exec(serviceNamed(submission, "nats").environment["GOMEMLIMIT"] ?? "");
    for (const [name, megabytes] of [
      ["redis", redis?.[1]],
      ["nats", go?.[1]],
    ] as const) {
      expect(Number(megabytes)).toBeGreaterThan(0);
      expect(Number(megabytes) * MEGABYTE_BYTES).toBeLessThan(
        serviceNamed(submission, name).limits.memoryBytes,
      );
    }
  });
});

describe.skipIf(serversMissing !== null)("its writer", () => {
  let books: PostgresServer;
  beforeAll(async () => {
    books = await startPostgres();
  });
  afterAll(() => books.process.dispose());

  test("is ready once it holds the locks of all shards, not of the first one alone", async () => {
    const databaseUrl = await books.createDatabase();
    const ofThree = withSubmissionSettings({ ...plan, databaseUrl }, submission, () => [], 3);
    const probe = ofThree.writers[0]?.probe;
    const session = postgres(databaseUrl, { max: 1 });
    const seen: unknown[] = [await probe?.()];
    for (const shard of [0, 1, 2]) {
      await session`SELECT pg_advisory_lock(${LOCK_CLASS}::int, ${writerLock(shard)}::int)`;
      seen.push(await probe?.());
    }
    await session.end();
    const not = (held: number) => `it does not hold the locks of all shards yet, but ${held} of 3`;
    expect(seen).toEqual([not(0), not(1), not(2), null]);
  });
});

test("a missing file, or a service without limits, is an error with a clear message", () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "docker-compose.yml");
  expect(() => readSubmission(file)).toThrow(`${file} cannot be used (`);
  const text = readFileSync(SUBMISSION_FILE, "utf8").replace('cpus: "0.12"', 'cpus: "a tenth"');
  writeFileSync(file, text);
  expect(() => readSubmission(file)).toThrow("services.nats.deploy.resources.limits.cpus");
});
