import { expect, test } from "bun:test";
import { resolve } from "node:path";
import {
  environmentOfStack,
  readApiConfig,
  readInitConfig,
  readServeConfig,
  readWriterConfig,
} from "./config.ts";
import { commandLine, flagsKeptByNpm } from "./config/npm.ts";
import { StartError } from "./errors.ts";

const DATABASE_URL = "postgres://books@db/ledger";

test("the defaults: this machine only, port 9999, ./data", () => {
  expect(readServeConfig({}, {})).toEqual({
    address: {
      host: "127.0.0.1",
      hostFrom: "the default of --host",
      port: 9999,
      portFrom: "the default of --port",
    },
    tls: null,
    dataFile: resolve("data/razonete.db"),
    drainMilliseconds: 500,
    ratePerAddress: null,
    initialAccounts: true,
    keyHours: null,
    open: "loopback",
  });
});

test("a flag counts over its variable, a variable over the default, an empty variable as none", () => {
  const environment = { PORT: "1000", HOST: "0.0.0.0", DATA_DIR: "/var/lib/razonete", DRAIN_MS: "" };
  expect(readServeConfig({ port: "2000" }, environment)).toEqual({
    address: { host: "0.0.0.0", hostFrom: "the variable HOST", port: 2000, portFrom: "--port" },
    tls: null,
    dataFile: "/var/lib/razonete/razonete.db",
    drainMilliseconds: 500,
    ratePerAddress: null,
    initialAccounts: true,
    keyHours: null,
    open: "loopback",
  });
});

test("every error is named at once, with what it came from", () => {
  expect(() => readServeConfig({ port: "65536" }, { DRAIN_MS: "soon" })).toThrow(
    new StartError(
      '--port must be an integer from 0 to 65535, not "65536"; ' +
        'the variable DRAIN_MS must be an integer from 0 to 60000, not "soon".',
    ),
  );
});

test.each(["", " ", "my host"])(
  "host %j is refused, as a flag or as a variable that is not empty",
  (host) => {
    const reason = `must be an IP address or a name of this machine, not "${host}".`;
    expect(() => readServeConfig({ host }, {})).toThrow(new StartError(`--host ${reason}`));
    if (host === "") return;
    for (const read of [
      () => readServeConfig({}, { HOST: host }),
      () => readApiConfig({}, { DATABASE_URL, HOST: host }),
    ]) {
      expect(read).toThrow(new StartError(`the variable HOST ${reason}`));
    }
  },
);

test.each(["", " "])("the data folder %j is refused, and is not the current folder", (data) => {
  const error = new StartError(`--data must be the path of a folder, not "${data}".`);
  expect(() => readServeConfig({ data }, {})).toThrow(error);
});

test.each(["", "-1", "1.5", "0x10", "99999999999"])("port %j is refused", (port) => {
  expect(() => readServeConfig({ port }, {})).toThrow(StartError);
});

test("the writer needs the books' URL; the other servers have defaults", () => {
  expect(readWriterConfig({ DATABASE_URL })).toEqual({
    databaseUrl: DATABASE_URL,
    redisUrl: "redis://127.0.0.1:6379",
    natsUrl: "nats://127.0.0.1:4222",
    minReplicas: 0,
    durable: true,
  });
  expect(readWriterConfig({ DATABASE_URL, DURABILITY: "relaxed" }).durable).toBe(false);
  expect(() => readWriterConfig({ REDIS_URL: "http://me:secret@redis" })).toThrow(
    new StartError(
      "the variable DATABASE_URL must be a URL that begins with postgres:// or postgresql://, but is not set; " +
        "the variable REDIS_URL must be a URL that begins with redis:// or rediss:// or unix:// or redis-cluster:// or " +
        'rediss-cluster://, not "http://...redis".',
    ),
  );
});

test("init takes the number of shards, or leaves it to the books", () => {
  expect(readInitConfig({}, { DATABASE_URL }).shards).toBeNull();
  expect(readInitConfig({}, { DATABASE_URL, SHARDS: "4" }).shards).toBe(4);
  for (const SHARDS of ["0", "65", "two"]) {
    expect(() => readInitConfig({}, { DATABASE_URL, SHARDS })).toThrow(
      "SHARDS must be an integer from 1 to 64",
    );
  }
});

test("a variable that a stack hands on is refused before anything is started", () => {
  expect(environmentOfStack({}, { SHARDS: "2", DURABILITY: "relaxed", FOO: "x" }).own).toEqual({
    SHARDS: "2",
    DURABILITY: "relaxed",
  });
  for (const wrong of [
    { DURABILITY: "Relaxed" },
    { OUTBOX_BATCHES_MAX: "-1" },
    { SHARDS: "x" },
    { INITIAL_ACCOUNTS: "0" },
    { IDEMPOTENCY_HOURS: "0" },
  ]) {
    const [name = ""] = Object.keys(wrong);
    expect(() => environmentOfStack({}, { ...wrong })).toThrow(new RegExp(`the variable ${name} must be`));
  }
});

test("INITIAL_ACCOUNTS and --no-initial-accounts, for both shapes and the stack", () => {
  const none = { INITIAL_ACCOUNTS: "none" };
  const off = { initialAccounts: false };
  for (const read of [
    (flags: typeof off | undefined, environment: Record<string, string>) =>
      readServeConfig(flags ?? {}, environment).initialAccounts,
    (flags: typeof off | undefined, environment: Record<string, string>) =>
      readInitConfig(flags, { DATABASE_URL, ...environment }).initialAccounts,
  ]) {
    expect(read(undefined, {})).toBe(true);
    expect(read(undefined, { INITIAL_ACCOUNTS: "contest" })).toBe(true);
    expect(read(undefined, none)).toBe(false);
    expect(read(off, {})).toBe(false);
    // A flag counts over its variable.
    expect(read(off, { INITIAL_ACCOUNTS: "contest" })).toBe(false);
    expect(() => read(undefined, { INITIAL_ACCOUNTS: "false" })).toThrow(
      new StartError('the variable INITIAL_ACCOUNTS must be contest or none, not "false".'),
    );
  }
  expect(environmentOfStack(off, {}).own).toEqual(none);
  expect(environmentOfStack({ initialAccounts: true }, none).own).toEqual(none);
});

test("IDEMPOTENCY_HOURS: 1 to 168, or as it was", () => {
  for (const [text, hours] of [
    ["", null],
    ["1", 1],
    ["168", 168],
  ] as const) {
    expect(readServeConfig({}, { IDEMPOTENCY_HOURS: text }).keyHours).toBe(hours);
    expect(readInitConfig({}, { DATABASE_URL, IDEMPOTENCY_HOURS: text }).keyHours).toBe(hours);
  }
  for (const text of ["0", "169", "1.5", "a day"]) {
    const error = new StartError(
      `the variable IDEMPOTENCY_HOURS must be an integer from 1 to 168, not "${text}".`,
    );
    expect(() => readServeConfig({}, { IDEMPOTENCY_HOURS: text })).toThrow(error);
    expect(() => readInitConfig({}, { DATABASE_URL, IDEMPOTENCY_HOURS: text })).toThrow(error);
  }
});

test("what npm kept for itself is found, also a flag that says no", () => {
  const flags = ["--port", "--no-initial-accounts"];
  const npm = { npm_package_name: "razonete", npm_lifecycle_event: "start" };
  expect(flagsKeptByNpm(flags, npm).kept).toEqual([]);
  expect(flagsKeptByNpm(flags, { ...npm, npm_config_initial_accounts: "" }).kept).toEqual([flags[1] ?? ""]);
  expect(flagsKeptByNpm(flags, { ...npm, npm_config_port: "true" }).kept).toEqual(["--port"]);
});

test("the error of a wrong URL never shows its password", () => {
  const wrong = [
    "http://me:secret@host/books",
    "me:secret@host/books",
    "host=books password=secret",
    "postgres:/me:secret@host/books",
    "postgres://me:sec/secret@host/books",
    "postgres://me:secret@ho st/books",
    "postgres://me:secret@host:99999/books",
    "postgres://me:secret%@host/books",
    "postgres://me:secret",
    "redis://:secret@host:port",
    "unix://:sec@ret@/run/secret",
    "redis-cluster://me:sec/secret@a:6379",
    "nats://me:secret@@@",
    "tls://me@secret:4222:1",
  ];
  for (const url of wrong) {
    for (const name of ["DATABASE_URL", "REDIS_URL", "NATS_URL"]) {
      const environment = { DATABASE_URL, [name]: url };
      let message = "";
      try {
        readWriterConfig(environment);
      } catch (error) {
        message = String(error);
      }
      expect([url, message]).toEqual([url, expect.stringContaining(`the variable ${name} must be a`)]);
      expect([url, message]).toEqual([url, expect.not.stringContaining("secret")]);
    }
  }
});

test.each([
  [
    "redis-cluster://a,b:6379",
    "must name nodes of the cluster with their ports, as in redis-cluster://user:password@a:6379,b:6379",
  ],
  [
    "redis-cluster://me:secret@a:6379,,b:6379",
    "must name nodes of the cluster with their ports, as in redis-cluster://user:password@a:6379,b:6379",
  ],
  [
    "redis://me:secret@a:6379,b:6379",
    "must name one host, or several of a Redis Cluster behind redis-cluster:// or rediss-cluster://",
  ],
  ["rediss-cluster://a:6379,b:6379/1", "must end behind its nodes: a Redis Cluster has no database numbers"],
])("%s as REDIS_URL is refused in one sentence", (url, reason) => {
  expect(() => readWriterConfig({ DATABASE_URL, REDIS_URL: url })).toThrow(
    new RegExp(`^the variable REDIS_URL ${reason}, not "[^"]*"\\.$`),
  );
});

test.each([
  "postgres://me:secret@a:1,b:x/books",
  "postgres://me:secret@a,,b/books",
  "postgres://me:secret@a, b/books",
  "nats://me:secret@a:1,b:x",
])("%s is refused in one sentence, which does not show its password", (url) => {
  const name = url.startsWith("nats") ? "NATS_URL" : "DATABASE_URL";
  let message = "";
  try {
    readWriterConfig({ DATABASE_URL, [name]: url });
  } catch (error) {
    message = String(error);
  }
  expect(message).toContain(`the variable ${name} must be a URL with one host or several`);
  expect(message).not.toContain("secret");
});

test("a wrong target_session_attrs is refused with the name of the setting", () => {
  const given = (attrs: string): string => `postgres://me:secret@a,b/books?target_session_attrs=${attrs}`;
  for (const attrs of ["primary", "read-write", ""])
    expect(readWriterConfig({ DATABASE_URL: given(attrs) }).databaseUrl).toBe(given(attrs));
  expect(() => readWriterConfig({ DATABASE_URL: given("foo") })).toThrow(
    "the variable DATABASE_URL must have no target_session_attrs but primary, read-write, ",
  );
});

test("copies are waited for in a Redis Cluster: one by default, as many as are said", () => {
  const REDIS_URL = "redis-cluster://a:6379,b:6379";
  const replicasOf = (environment: Record<string, string>): number[] => [
    readWriterConfig({ DATABASE_URL, ...environment }).minReplicas,
    readApiConfig({}, { DATABASE_URL, ...environment }).minReplicas,
    readInitConfig({}, { DATABASE_URL, ...environment }).minReplicas,
  ];
  expect(replicasOf({})).toEqual([0, 0, 0]);
  expect(replicasOf({ MIN_REPLICAS: "0" })).toEqual([0, 0, 0]);
  expect(replicasOf({ REDIS_URL })).toEqual([1, 1, 1]);
  expect(replicasOf({ REDIS_URL, MIN_REPLICAS: "2" })).toEqual([2, 2, 2]);
  expect(replicasOf({ REDIS_URL, MIN_REPLICAS: "0" })).toEqual([0, 0, 0]);
  expect(() => replicasOf({ MIN_REPLICAS: "1" })).toThrow(
    new StartError(
      "the variable MIN_REPLICAS must be 0 where REDIS_URL is one Redis (replicas are waited for in a redis-cluster://), " +
        'not "1".',
    ),
  );
  expect(() => replicasOf({ REDIS_URL, MIN_REPLICAS: "6" })).toThrow("must be an integer from 0 to 5");
});

test("a URL may have all that a client takes", () => {
  for (const [name, url] of [
    ["DATABASE_URL", "postgres://me:p%2Fw@one:5432,two:5433/books?sslmode=verify-full"],
    ["DATABASE_URL", "postgresql:///books"],
    ["DATABASE_URL", "postgres://[::1]:5432/books"],
    ["REDIS_URL", "unix://:password@/run/redis/redis.sock"],
    ["REDIS_URL", "unix://api:p%40w@/run/a%20folder/redis.sock"],
    ["REDIS_URL", "unix:///run/redis.sock"],
    ["REDIS_URL", "rediss://default:password@host:6380/0"],
    ["REDIS_URL", "redis-cluster://api:p%40w@a.example:6379,10.0.0.2:6380,[::1]:6379"],
    ["NATS_URL", "tls://me:password@host:4222"],
    ["NATS_URL", "nats://me:pass,word@host:4222"],
    ["NATS_URL", "nats://me:password@one:4222,two,[::1]:4223"],
    ["NATS_URL", "tls://one:4222,two:4222/"],
  ] as const)
    expect(Object.values(readWriterConfig({ DATABASE_URL, [name]: url }))).toContain(url);
});

test.each(["one:4222,", ",one", "one,,two", "one, two", "one,two:port", "one,two:99999", "one,:4222"])(
  "each host of NATS_URL is looked at: %s",
  (hosts) => {
    expect(() => readWriterConfig({ DATABASE_URL, NATS_URL: `nats://me:secret@${hosts}` })).toThrow(
      /^the variable NATS_URL must be a (whole )?URL(?!.*secret)[^;]*, not "nats:\/\/\.\.\.[^"]*"\.$/,
    );
  },
);

test("who was started by npm is told commands of npm", () => {
  const npm = { npm_package_name: "razonete" };
  for (const event of ["start", "razonete"])
    expect(commandLine({ ...npm, npm_lifecycle_event: event })).toBe("npm run razonete --");
  for (const environment of [
    {},
    { ...npm, npm_lifecycle_event: "test" },
    { npm_package_name: "other", npm_lifecycle_event: "start" },
  ])
    expect(commandLine(environment)).toBe("razonete");
});
