import { join } from "node:path";
import { EmbeddedLedger } from "../../../src/embedded/embedded-ledger.ts";
import { startHttpServer } from "../../../src/http/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { accessSuite } from "./access-suite.ts";
import { MemoryServer } from "../support/memory-server.ts";

accessSuite("a ledger in memory", async (access) => {
  const server = await MemoryServer.start({ access });
  return {
    url: server.url,
    defects: server.defects,
    stop: () => server[Symbol.asyncDispose](),
  };
});

accessSuite("embedded", async (access) => {
  const folder = temporaryFolder();
  const ledger = new EmbeddedLedger({ file: join(folder.path, "razonete.db") });
  const defects: string[] = [];
  const server = startHttpServer(ledger, {
    address: { host: "127.0.0.1", port: 0 },
    access,
    onDefect: (message) => defects.push(message),
  });
  return {
    url: server.url,
    defects,
    stop: async () => {
      await server.stop();
      await ledger.close();
      folder[Symbol.dispose]();
    },
  };
});
