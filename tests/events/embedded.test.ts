import { join } from "node:path";
import { FileJournal } from "../../src/events/file-journal.ts";
import { startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { eventsSuite } from "./events-suite.ts";

eventsSuite("the embedded ledger", async () => {
  const folder = temporaryFolder();
  const server = await startServer({ data: folder.path });
  const journal = new FileJournal(join(folder.path, "razonete.db"), "elsewhere");
  return {
    url: server.url,
    shards: 1,
    journal,
    // What is answered is in its file.
    settled: async () => {},
    [Symbol.asyncDispose]: async () => {
      await journal.close();
      await server.kill();
      folder[Symbol.dispose]();
    },
  };
});
