import { expect, test } from "bun:test";
import { standbyFault, standbysWaitedFor } from "./standby-settings.ts";

const settings = (synchronous_standby_names: string, synchronous_commit = "on") => ({
  synchronous_standby_names,
  synchronous_commit,
});

test("counts the standbys that a commit waits for, in each of PostgreSQL's forms", () => {
  const forms: Record<string, number> = {
    "": 0,
    " ": 0,
    "*": 1,
    a: 1,
    "a, b": 1,
    '"node 2"': 1,
    "FIRST 2 (a, b, c)": 2,
    "first 1(a)": 1,
    "ANY 2 (a,b)": 2,
    "3 (a, b, c)": 3,
    // A server of this name, not a number of them.
    first: 1,
  };
  for (const [names, standbys] of Object.entries(forms))
    expect([names, standbysWaitedFor(names)]).toEqual([names, standbys]);
});

test("says what is missing, and nothing where no standby is asked for", () => {
  expect(standbyFault(settings("", "local"), 0)).toBeNull();
  expect(standbyFault(settings("ANY 1 (a, b)"), 1)).toBeNull();
  expect(standbyFault(settings("*", "remote_apply"), 1)).toBeNull();
  expect(standbyFault(settings(""), 1)).toBe(
    "PostgreSQL does not wait for a standby, which MIN_STANDBYS asks for: set synchronous_standby_names to " +
      "'ANY 1 (...)' with their names (it is '')",
  );
  expect(standbyFault(settings("a, b"), 2)).toMatch(/wait for 2 standbys.*'ANY 2 \(\.\.\.\)'.*it is 'a, b'/);
  for (const commit of ["off", "local", "remote_write"])
    expect(standbyFault(settings("a", commit), 1)).toMatch(`set synchronous_commit on (it is ${commit})`);
});
