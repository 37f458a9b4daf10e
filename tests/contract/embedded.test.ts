import { join } from "node:path";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { ledgerSuite } from "./ledger-suite.ts";
import { movesSuite } from "./moves-suite.ts";
import type { LedgerUnderTest } from "../support/ledger/commands.ts";

ledgerSuite("embedded", start);
movesSuite("embedded", start);

async function start(): Promise<LedgerUnderTest> {
  const folder = temporaryFolder();
  let now = Date.UTC(2024, 0, 17) * 1000;
  const ledger = new EmbeddedLedger({ file: join(folder.path, "razonete.db"), clock: () => now });
  return {
    ledger,
    advanceClock: (seconds) => {
      now += seconds * 1_000_000;
    },
    dispose: async () => {
      await ledger.close();
      folder[Symbol.dispose]();
    },
  };
}
