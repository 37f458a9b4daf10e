import { startHttpServer } from "../../src/http/server.ts";
import { httpSuite } from "./http-suite.ts";
import { MemoryLedger } from "./support/memory-ledger.ts";

/** The whole suite without a shape behind it. */
httpSuite("a ledger in memory", async () => {
  const defects: string[] = [];
  const server = startHttpServer(await MemoryLedger.withInitialAccounts(), {
    address: { host: "127.0.0.1", port: 0 },
    onDefect: (message) => defects.push(message),
  });
  return {
    url: server.url,
    fresh: true,
    stop: async () => {
      await server.stop();
      if (defects.length > 0) throw new Error(`the server reported defects: ${defects.join("; ")}`);
    },
  };
});
