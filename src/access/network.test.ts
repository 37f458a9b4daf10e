import { expect, test } from "bun:test";
import { networkOf } from "./network.ts";

test("an IPv4 address counts by itself, also where it is written as one of IPv6", () => {
  for (const [address, network] of [
    ["127.0.0.1", "127.0.0.1"],
    ["::ffff:10.0.0.7", "10.0.0.7"],
    ["::FFFF:10.0.0.7", "10.0.0.7"],
    ["", ""],
  ] as const)
    expect(networkOf(address)).toBe(network);
});

test("an IPv6 address counts by its first 64 bits, however it is written", () => {
  const network = networkOf("2001:db8:1:2:3:4:5:6");
  expect(network).toBe("2001:db8:1:2::/64");
  for (const address of ["2001:db8:1:2::", "2001:DB8:1:2::9", "2001:db8:1:2:ffff:0:0:1%eth0"])
    expect(networkOf(address)).toBe(network);
  for (const address of ["2001:db8:1:3::9", "2001:db8::9", "::1", "fe80::1"])
    expect(networkOf(address)).not.toBe(network);
  expect(networkOf("::1")).toBe(networkOf("::2"));
  expect(networkOf("2001:db8::9")).toBe("2001:db8:0:0::/64");
});
