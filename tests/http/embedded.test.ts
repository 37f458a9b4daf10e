import { join } from "node:path";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { startHttpServer } from "../../src/http/server.ts";
import { httpSuite } from "./http-suite.ts";

httpSuite("embedded", async () => {
  const folder = temporaryFolder();
  const ledger = new EmbeddedLedger({ file: join(folder.path, "razonete.db") });
  const defects: string[] = [];
  const server = startHttpServer(ledger, {
    address: { host: "127.0.0.1", port: 0 },
    onDefect: (message) => defects.push(message),
  });
  return {
    url: server.url,
    fresh: true,
    stop: async () => {
      await server.stop();
      await ledger.close();
      folder[Symbol.dispose]();
      if (defects.length > 0) throw new Error(`the server reported defects: ${defects.join("; ")}`);
    },
  };
});
