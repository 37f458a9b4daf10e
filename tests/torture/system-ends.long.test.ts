import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ClusterUnderTest } from "../../proof/torture/system/cluster-under-test.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { leftBehind, mountsBelow } from "./support/left-behind.ts";

setDefaultTimeout(60_000);
failOnLeaks();

describe.skipIf(serversMissing !== null)("a cluster under test that ends in another way", () => {
  test("leaves no process and no disk where the torture is killed, not even frozen ones", async () => {
    using folder = temporaryFolder();
    const torn = Bun.spawn([process.execPath, join(import.meta.dir, "support/torn-system.ts"), folder.path], {
      stdout: "pipe",
    });
    const { value } = await torn.stdout.getReader().read();
    expect(new TextDecoder().decode(value)).toContain("frozen");
    expect(leftBehind(folder.path).length).toBeGreaterThan(10);
    torn.kill("SIGKILL");
    await torn.exited;
    await eventually("nothing is left", () => leftBehind(folder.path).length === 0);
  });

  test("says why it does not start, and leaves nothing", async () => {
    using folder = temporaryFolder();
    const own = { init: ["sh", "-c", "echo not today; exit 1"] };
    const starting = ClusterUnderTest.start({
      folder: folder.path,
      faultKinds: ["disk"],
      own,
      say: () => {},
    });
    expect(await starting.catch(String)).toBe("StartError: the ledger could not be set up: not today");
    expect(leftBehind(folder.path)).toEqual([]);
  });

  test("does not recover if a writer has raised an alarm, and mounts nothing without faults of disks", async () => {
    using folder = temporaryFolder();
    const differs = join(folder.path, "differs");
    const own = {
      writer: ["sh", "-c", `while [ ! -e ${differs} ]; do sleep 0.02; done; echo ALARM: differs; exit 65`],
    };
    const system = await ClusterUnderTest.start({
      folder: folder.path,
      faultKinds: ["kill"],
      own,
      writers: 1,
      say: () => {},
    });
    try {
      expect(system.unsupportedFaults).toEqual([]);
      expect(mountsBelow(folder.path)).toEqual([]);
      writeFileSync(differs, "");
      await eventually("it is known", () => system.alarms.length > 0);
      expect(system.alarms).toEqual([{ process: "writer-1", said: "ALARM: differs" }]);
      expect(await system.recover().catch(String)).toBe(
        "Error: a writer needs a person: writer-1: ALARM: differs",
      );
    } finally {
      await system.stop();
    }
    expect(leftBehind(folder.path)).toEqual([]);
    expect(existsSync(join(folder.path, "stack/logs/writer-1.log"))).toBe(true);
  });
});
