import { join } from "node:path";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { EventHub } from "../../src/events/event-hub.ts";
import { FileJournal } from "../../src/events/file-journal.ts";
import { FileHooks, hookFileOf } from "../../src/hooks/file-hooks.ts";
import { HookTables } from "../../src/hooks/hook-tables.ts";
import { openLog } from "../../src/log/log.ts";
import { startHttpServer } from "../../src/http/server.ts";
import { httpSuite } from "./http-suite.ts";

httpSuite("embedded", async () => {
  const folder = temporaryFolder();
  const file = join(folder.path, "razonete.db");
  const journal = new FileJournal(file, "here");
  const ledger = new EmbeddedLedger({ file, onCommitted: journal.committed });
  // Nothing is sent: that would be for the dispatcher, which is not here.
  const hooks = new HookTables({
    database: new FileHooks(hookFileOf(file)),
    journal,
    innerAllowed: false,
    keyHours: async () => 24,
  });
  const defects: string[] = [];
  const server = startHttpServer(ledger, {
    address: { host: "127.0.0.1", port: 0 },
    events: new EventHub({ journal, log: openLog("events", "people") }),
    hooks,
    onDefect: (message) => defects.push(message),
  });
  return {
    url: server.url,
    fresh: true,
    stop: async () => {
      await server.stop();
      await hooks.close();
      await ledger.close();
      folder[Symbol.dispose]();
      if (defects.length > 0) throw new Error(`the server reported defects: ${defects.join("; ")}`);
    },
  };
});
