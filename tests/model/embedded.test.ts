import { expect } from "bun:test";
import { join } from "node:path";
import { auditFile } from "../../src/audit/embedded/audit-file.ts";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { modelSuite } from "./model-suite.ts";

failOnLeaks();

modelSuite(
  "EmbeddedLedger",
  async () => {
    const folder = temporaryFolder();
    const file = join(folder.path, "razonete.db");
    return {
      open: async (clock) => new EmbeddedLedger({ file, clock }),
      [Symbol.asyncDispose]: async () => {
        const { findings } = await auditFile(file);
        folder[Symbol.dispose]();
        expect(findings).toEqual([]);
      },
    };
  },
  { runs: 150 },
);
