import { expect, test } from "bun:test";
import { isOfAnotherSite } from "./another-site.ts";

const isForeign = (host: string | null, origin: string | null): boolean =>
  isOfAnotherSite(
    new Headers([
      ...(host === null ? [] : [["host", host] as [string, string]]),
      ...(origin === null ? [] : [["origin", origin] as [string, string]]),
    ]),
  );

test("programs and pages of this machine are no other site", () => {
  for (const [host, origin] of [
    [null, null],
    ["127.0.0.1:9999", null],
    ["localhost", null],
    ["LOCALHOST:9999", "http://LOCALHOST:9999"],
    ["[::1]:9999", "http://[::1]:9999"],
    ["[fd00::1]", null],
    ["192.0.2.1:9999", "http://192.0.2.1:9999"],
    ["haproxy:9999", null],
    ["host.docker.internal:9999", null],
    ["ledger.localhost", "http://shop.localhost:5173"],
    ["127.0.0.1:9999", "http://localhost:5173"],
    ["127.0.0.1:9999", "https://127.0.0.1"],
  ] as const)
    expect([host, origin, isForeign(host, origin)]).toEqual([host, origin, false]);
});

test("a page of another site is known by its Origin, or by the name that leads it here", () => {
  for (const [host, origin] of [
    ["127.0.0.1:9999", "http://evil.example"],
    ["127.0.0.1:9999", "http://evil.example:9999"],
    ["127.0.0.1:9999", "null"],
    ["127.0.0.1:9999", ""],
    ["127.0.0.1:9999", "http://203.0.113.7"],
    ["127.0.0.1:9999", "http://haproxy"],
    ["127.0.0.1:9999", "http://127.0.0.1.evil.example"],
    ["127.0.0.1:9999", "http://evil.example/?localhost"],
    ["127.0.0.1:9999", "http://localhost@evil.example"],
    ["127.0.0.1:9999", "http://notlocalhost"],
    [null, "http://evil.example"],
    ["evil.example", null],
    ["evil.example:9999", "http://evil.example:9999"],
    ["evil.example:9999", "http://localhost"],
    ["127.0.0.1.evil.example", null],
    ["localhost.", null],
    ["localhost.evil.example:9999", null],
    ["evil.internal.example", null],
    ["::1.evil.example", null],
  ] as const)
    expect([host, origin, isForeign(host, origin)]).toEqual([host, origin, true]);
});
