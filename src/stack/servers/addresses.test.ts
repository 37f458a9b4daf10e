import { expect, test } from "bun:test";
import { withNames } from "./addresses.ts";

const addresses = new Map([
  ["redis-1", "127.0.0.1:2400"],
  ["redis-2", "127.0.0.1:24001"],
]);

test("an address in a sentence is told with the name of its server", () => {
  expect(withNames("Start its primary, 127.0.0.1:24001, or 127.0.0.1:2400.", addresses)).toBe(
    "Start its primary, redis-2 (127.0.0.1:24001), or redis-1 (127.0.0.1:2400).",
  );
  expect(withNames("(127.0.0.1:2400 is away)", addresses)).toBe("(redis-1 (127.0.0.1:2400) is away)");
});

test("not one that has its name already, or is part of a URL, or of another address", () => {
  for (const line of [
    "redis-1 (127.0.0.1:2400) is away",
    "redis://default@127.0.0.1:2400 and http://127.0.0.1:2400/",
    "127.0.0.1:2409, 27.0.0.1:2400 and 127.0.0.1:24002",
  ])
    expect(withNames(line, addresses)).toBe(line);
});
