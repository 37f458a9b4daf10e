import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { AuditedCluster, places } from "./support/audited-cluster.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const LEAVE_BEHIND = join(import.meta.dir, "support/leave-behind.ts");

describe.skipIf(serversMissing !== null)("an audit during which the books go on, and Redis does not", () => {
  let system: AuditedCluster;
  beforeAll(async () => {
    system = await AuditedCluster.start();
    await system.credit(3, 12);
    await system.books.drained();
  });
  afterAll(() => system[Symbol.asyncDispose]());

  test("an account that Redis has as the books had it first is older, if they have moved on since", async () => {
    const { cluster } = system;
    let isDone = false;
    // The first call comes when the books were read for the first time, and Redis was not.
    const onProgress = (): void => {
      if (isDone) return;
      isDone = true;
      const args = [LEAVE_BEHIND, cluster.apiUrl(0), cluster.databaseUrl, cluster.redis.url];
      expect(Bun.spawnSync([process.execPath, ...args], { timeout: 30_000 }).exitCode).toBe(0);
    };
    const report = await system.audit({ onProgress, natsUrl: null });
    expect(isDone).toBe(true);
    expect(places(report)).toEqual(["redis-older 3 12"]);
  });
});
