import { httpSuite } from "./http-suite.ts";
import { MemoryServer } from "./support/memory-server.ts";

const start = async () => {
  const server = await MemoryServer.start();
  return {
    url: server.url,
    fresh: true,
    stop: async () => {
      await server[Symbol.asyncDispose]();
      if (server.defects.length > 0)
        throw new Error(`the server reported defects: ${server.defects.join("; ")}`);
    },
  };
};

/** The whole suite without a shape behind it. */
httpSuite("a ledger in memory, which has no journal", start, false);
