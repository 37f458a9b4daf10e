import { failOnLeaks } from "../support/leaks.ts";
import { embeddedProcess, hostileSuite } from "./hostile-suite.ts";
import { MemoryServer } from "./support/memory-server.ts";

failOnLeaks();

hostileSuite("a ledger in memory", 10_000, async () => {
  const server = await MemoryServer.start();
  return {
    url: server.url,
    end: async () => {
      await server[Symbol.asyncDispose]();
      if (server.defects.length > 0) throw new Error(server.defects.join("; "));
    },
  };
});

hostileSuite("the embedded ledger", 10_000, embeddedProcess);
