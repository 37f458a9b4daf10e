import { expect, setDefaultTimeout } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Database } from "bun:sqlite";
import { KeyFile, keyFileOf } from "../../src/access/key-file.ts";
import { auditFile } from "../../src/audit/embedded/audit-file.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { attackSuite } from "./attack-suite.ts";
import { makeKeys } from "./support/keys.ts";

failOnLeaks();
setDefaultTimeout(120_000);

attackSuite("the embedded ledger", async () => {
  const folder = temporaryFolder();
  const file = join(folder.path, "razonete.db");
  const server = await startServer({ data: folder.path });
  return {
    port: server.port,
    makeKeys: () => makeKeys(new KeyFile(keyFileOf(file))),
    keptKeys: async () => {
      const bytes = readFileSync(keyFileOf(file));
      return `${bytes.toString("latin1")}\n${bytes.toString("hex")}`;
    },
    events: async () => {
      using db = new Database(file, { readonly: true });
      const rows = db.query<{ events: string }, []>("SELECT events FROM journal ORDER BY g").all();
      return rows.flatMap(({ events }): string[] => JSON.parse(events));
    },
    end: async () => {
      const code = await server.stop();
      const report = await auditFile(file, { since: null, onProgress: () => {} });
      folder[Symbol.dispose]();
      expect([code, report.agreed, report.findings]).toEqual([0, true, []]);
      // The keys cannot be read in the moment in which one of them is written; and webhooks are made, too.
      const expected = /^razonete: the access keys can.*\n|^razonete dispatch: dispatches webhooks\n/gm;
      const said = server.output().stderr.replaceAll(expected, "");
      expect(said).toBe("razonete: an access key was made: from now on every request needs one.\n");
    },
  };
});
