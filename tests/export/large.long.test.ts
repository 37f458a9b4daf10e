import { expect, test } from "bun:test";
import { join } from "node:path";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { transact } from "../support/ledger/commands.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
const ENTRIES = 1_000_000;
const AT_ONCE = 1_000;
const MEMORY_BYTES_MAX = 200 * 1024 * 1024;

test("a million entries are exported in less than 200 MB of memory", async () => {
  using folder = temporaryFolder("large-export");
  const ledger = new EmbeddedLedger({ file: join(folder.path, "razonete.db") });
  for (let done = 0; done < ENTRIES; done += AT_ONCE)
    await Promise.all(
      Array.from({ length: AT_ONCE }, (_, index) =>
        ledger.submit(transact(String(1 + (index % 5)), "credit", 1)),
      ),
    );
  await ledger.close();
  for (const format of ["csv", "jsonl", "ledger", "beancount"]) {
    const to = join(folder.path, `out.${format}`);
    const flags = ["--data", folder.path, "--format", format, "--to", to];
    const { exitCode, resourceUsage } = Bun.spawnSync([process.execPath, MAIN, "export", ...flags]);
    expect(exitCode).toBe(0);
    console.log(`${format}: ${Math.round(resourceUsage.maxRSS / 2 ** 20)} MB, ${Bun.file(to).size} bytes`);
    expect(resourceUsage.maxRSS).toBeLessThan(MEMORY_BYTES_MAX);
  }
}, 600_000);
