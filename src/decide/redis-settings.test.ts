import { expect, test } from "bun:test";
import { isUnsavedBy } from "./redis-settings.ts";

const SAVED = [
  "role:slave",
  "master_sync_in_progress:0",
  "aof_rewrite_in_progress:0",
  "aof_rewrite_scheduled:0",
  "",
].join("\r\n");

test("a replica whose log is being written, or is about to be, has what it confirms in memory only", () => {
  expect(isUnsavedBy(SAVED)).toBe(false);
  expect(isUnsavedBy(SAVED.replace("rewrite_in_progress:0", "rewrite_in_progress:1"))).toBe(true);
  expect(isUnsavedBy(SAVED.replace("scheduled:0", "scheduled:1"))).toBe(true);
});

test("a replica that is being filled confirms nothing, so it is not counted either", () => {
  const filled = SAVED.replace("sync_in_progress:0", "sync_in_progress:1").replace(
    "scheduled:0",
    "scheduled:1",
  );
  expect(isUnsavedBy(filled)).toBe(false);
});
