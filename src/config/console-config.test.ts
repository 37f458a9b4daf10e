import { describe, expect, test } from "bun:test";
import { StartError } from "../errors.ts";
import { readConsoleConfig } from "./console-config.ts";

const DATABASE_URL = "postgres://console@db/ledger";

describe("METRICS_TARGETS", () => {
  const targetsOf = (METRICS_TARGETS: string) =>
    readConsoleConfig({ DATABASE_URL, METRICS_TARGETS }).targets.map(({ name, url }) => [name, url.href]);

  test("names parts, in their order, and none where it is not set", () => {
    expect(targetsOf("")).toEqual([]);
    const text =
      "api-1=http://[::1]:9101/metrics?a=b, redis=redis://cache:6379,x=unix:/run/api.sock,nats=nats://n:4222,books-1=postgres://db";
    expect(targetsOf(text)).toEqual([
      ["api-1", "http://[::1]:9101/metrics?a=b"],
      ["redis", "redis://cache:6379"],
      ["x", "unix:/run/api.sock"],
      ["nats", "nats://n:4222"],
      ["books-1", "postgres://db"],
    ]);
  });

  test.each([
    "api-1",
    "=http://a/",
    "api-1=a:9100",
    "api-1=ftp://a/",
    "api-1=http://a/,",
    "api-1=http://a/,api-1=http://b/",
    "API=http://a/",
    // What it tells of these it knows itself.
    "postgres=http://a/",
    "console=http://a/",
  ])("is refused, and what it has to be is said: %p", (text) => {
    const read = () => targetsOf(text);
    expect(read).toThrow(StartError);
    expect(read).toThrow("the variable METRICS_TARGETS must be parts as name=address");
  });
});

test("it listens on this machine alone where nothing else is set, and asks for keys", () => {
  expect(readConsoleConfig({ DATABASE_URL })).toMatchObject({
    address: { host: "127.0.0.1", port: 9998 },
    open: "loopback",
    drainMilliseconds: 0,
  });
  expect(readConsoleConfig({ DATABASE_URL, OPEN: "until-keys" }).open).toBe("anywhere");
  expect(readConsoleConfig({ DATABASE_URL }, { open: true }).open).toBe("always");
  expect(() => readConsoleConfig({})).toThrow("DATABASE_URL");
});
