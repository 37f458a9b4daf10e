import { Database } from "bun:sqlite";
import { join } from "node:path";
import { z } from "zod";
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
  const file = join(folder.path, "razonete.db");
  const ledger = new EmbeddedLedger({ file, clock: () => now });
  return {
    ledger,
    events: async () => {
      using db = new Database(file, { readonly: true });
      const rows = db
        .query<{ events: string }, []>("SELECT events FROM journal WHERE g > 0 ORDER BY g")
        .all();
      return rows.flatMap(({ events }) => z.array(z.string()).parse(JSON.parse(events)));
    },
    advanceClock: (seconds) => {
      now += seconds * 1_000_000;
    },
    dispose: async () => {
      await ledger.close();
      folder[Symbol.dispose]();
    },
  };
}
