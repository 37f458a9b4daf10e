import { expect, test } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DiskWatch } from "../../proof/contest/disk-watch.ts";
import { eventually } from "../support/eventually.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

test("a disk is measured with one block until the end, and nothing is left behind", async () => {
  using folder = temporaryFolder();
  const begun = performance.now();
  const watch = new DiskWatch(folder.path);
  await eventually("it has written", () => watch.writes >= 2);
  expect(statSync(join(folder.path, "disk-watch")).size).toBe(4096);
  const times = await watch.end();
  const passed = performance.now() - begun;
  expect(readdirSync(folder.path)).toEqual([]);
  expect(times.writes).toBeGreaterThanOrEqual(2);
  // No more than one in 100 ms.
  expect(times.writes).toBeLessThanOrEqual(1 + passed / 100);
  expect(times.p50Milliseconds).toBeGreaterThan(0);
  expect(times.p99Milliseconds).toBeGreaterThanOrEqual(times.p50Milliseconds);
  expect(times.maxMilliseconds).toBeGreaterThanOrEqual(times.p99Milliseconds);
});

test("a folder that is not writable is an error at the end", async () => {
  const missing = join(import.meta.dir, "none");
  expect(existsSync(missing)).toBe(false);
  const message = await new DiskWatch(missing).end().catch((error: unknown) => String(error));
  expect(message).toContain("ENOENT");
});
