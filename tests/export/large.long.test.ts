import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { transact } from "../support/ledger/commands.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
const ENTRIES = 1_000_000;
const AT_ONCE = 1_000;
const MEMORY_BYTES_MAX = 200 * 1024 * 1024;

/** What the usage of an ended child tells as its most is at least what the process took that started it. */
function peakOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    // It has just ended.
    return 0;
  }
}

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
    const child = Bun.spawn([process.execPath, MAIN, "export", ...flags], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    let bytesMax = 0;
    while (child.exitCode === null && child.signalCode === null) {
      bytesMax = Math.max(bytesMax, peakOf(child.pid));
      await Bun.sleep(20);
    }
    expect(child.exitCode).toBe(0);
    console.log(`${format}: ${Math.round(bytesMax / 2 ** 20)} MB, ${Bun.file(to).size} bytes`);
    expect(bytesMax).toBeGreaterThan(0);
    expect(bytesMax).toBeLessThan(MEMORY_BYTES_MAX);
  }
}, 600_000);
