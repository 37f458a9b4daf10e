import { afterAll, beforeAll } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { startStack } from "../../support/running-stack.ts";
import { serversMissing } from "../../support/servers/binaries.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";

/**
 * A stack that was started once and stopped, for all tests of a file.
 *
 * @returns copies its data, without logs, to a folder that is empty or not there: a start on it need not make a database
 */
export function stoppedStack(): (to: string) => void {
  let folder: TemporaryFolder | null = null;
  beforeAll(async () => {
    if (serversMissing !== null) return;
    folder = temporaryFolder();
    const data = join(folder.path, "data");
    const stack = await startStack({ data });
    if ((await stack.stop()) !== 0) throw new Error(stack.output());
    rmSync(join(data, "logs"), { recursive: true });
  }, 60_000);
  afterAll(() => folder?.[Symbol.dispose]());
  return (to) => {
    const { success } = Bun.spawnSync(["cp", "-a", `${folder?.path}/data/.`, to]);
    if (!success) throw new Error(`${to} could not be copied`);
  };
}
