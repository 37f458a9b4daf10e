import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { ledgerSuite } from "./ledger-suite.ts";

ledgerSuite("embedded", async () => {
  const folder = mkdtempSync(join(tmpdir(), "razonete-test-"));
  let now = Date.UTC(2024, 0, 17) * 1000;
  const ledger = new EmbeddedLedger({ file: join(folder, "razonete.db"), clock: () => now });
  return {
    ledger,
    advanceClock: (seconds) => {
      now += seconds * 1_000_000;
    },
    dispose: async () => {
      await ledger.close();
      rmSync(folder, { recursive: true });
    },
  };
});
