import { expect, test } from "bun:test";
import { parseNodeLines } from "../../decide/nodes/node-lines.ts";
import { nextPrimary } from "./spread.ts";

const PRIMARY = "master - 0 0 1 connected 0-99";

/** Nodes by their machine: `a1` is on machine a. Each is a primary, or the replica of the one that it names. */
function next(nodes: Readonly<Record<string, string | null>>): string | undefined {
  const lines = Object.entries(nodes).map(([id, follows]) => {
    const rest = follows === null ? PRIMARY : `slave ${follows} 0 0 1 connected`;
    const [line] = parseNodeLines(`${id} 127.0.0.1:1@2 ${rest}`);
    if (line === undefined) throw new Error("no line");
    return { line, machine: id[0] };
  });
  return nextPrimary(lines)?.id;
}

test("a machine with two primaries gives one to a machine with none, and to no other", () => {
  expect(next({ a1: null, a2: null, b1: null, b2: "a1", c1: "a2", c2: "b1" })).toBe("c1");
});

test("where each machine has as many as the others, or one more, all stays", () => {
  expect(next({ a1: null, b1: null, c1: null, a2: "b1", b2: "c1", c2: "a1" })).toBeUndefined();
  expect(next({ a1: null, a2: null, b1: null, b2: "a1" })).toBeUndefined();
});

test("where nobody else has a copy, all stays", () => {
  expect(next({ a1: null, a2: null, a3: null, b1: "c1" })).toBeUndefined();
});
