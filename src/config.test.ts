import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { readInitConfig, readServeConfig, readWriterConfig } from "./config.ts";
import { StartError } from "./errors.ts";

test("the defaults: this machine only, port 9999, ./data", () => {
  expect(readServeConfig({}, {})).toEqual({
    host: "127.0.0.1",
    port: 9999,
    dataFile: resolve("data/razonete.db"),
    drainMilliseconds: 500,
  });
});

test("a flag counts over its variable, a variable over the default, an empty variable as none", () => {
  const environment = { PORT: "1000", HOST: "0.0.0.0", DATA_DIR: "/var/lib/razonete", DRAIN_MS: "" };
  expect(readServeConfig({ port: "2000" }, environment)).toEqual({
    host: "0.0.0.0",
    port: 2000,
    dataFile: "/var/lib/razonete/razonete.db",
    drainMilliseconds: 500,
  });
});

test("every error is named at once", () => {
  expect(() => readServeConfig({ port: "65536" }, { DRAIN_MS: "soon" })).toThrow(
    new StartError(
      'PORT must be an integer from 0 to 65535, not "65536"; ' +
        'DRAIN_MS must be an integer from 0 to 60000, not "soon" ' +
        "(a flag such as --port sets the same as its variable).",
    ),
  );
});

test.each(["", "-1", "1.5", "0x10", "99999999999"])("port %j is refused", (port) => {
  expect(() => readServeConfig({ port }, {})).toThrow(StartError);
});

const DATABASE_URL = "postgres://books@db/ledger";

test("the writer needs the books' URL; the other servers have defaults", () => {
  expect(readWriterConfig({ DATABASE_URL })).toEqual({
    databaseUrl: DATABASE_URL,
    redisUrl: "redis://127.0.0.1:6379",
    natsUrl: "nats://127.0.0.1:4222",
    durable: true,
  });
  expect(readWriterConfig({ DATABASE_URL, DURABILITY: "relaxed" }).durable).toBe(false);
  expect(() => readWriterConfig({ REDIS_URL: "http://me:secret@redis" })).toThrow(
    new StartError(
      'DATABASE_URL must be a URL that begins with postgres:// or postgresql://, not ""; ' +
        'REDIS_URL must be a URL that begins with redis:// or rediss:// or unix://, not "http://me:***@redis".',
    ),
  );
});

test("init takes the number of shards, or leaves it to the books", () => {
  expect(readInitConfig({ DATABASE_URL }).shards).toBeNull();
  expect(readInitConfig({ DATABASE_URL, SHARDS: "4" }).shards).toBe(4);
  for (const SHARDS of ["0", "65", "two"]) {
    expect(() => readInitConfig({ DATABASE_URL, SHARDS })).toThrow("SHARDS must be an integer from 1 to 64");
  }
});
