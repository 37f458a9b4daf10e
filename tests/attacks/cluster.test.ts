import { describe, expect, setDefaultTimeout } from "bun:test";
import { BookKeys } from "../../src/access/book-keys.ts";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import { stackBounds } from "../../src/stack/stack-bounds.ts";
import { Cluster } from "../support/cluster.ts";
import { journalOf } from "../support/kept-journal.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { startHaproxy } from "../support/servers/haproxy.ts";
import { attackSuite } from "./attack-suite.ts";
import { makeKeys } from "./support/keys.ts";

failOnLeaks();
setDefaultTimeout(120_000);

describe.skipIf(serversMissing !== null)("through HAProxy", () => {
  attackSuite("a cluster", async () => {
    const cluster = await Cluster.start({
      environment: { CLIENT_ADDRESS_HEADER: "Razonete-Client-Address" },
    });
    // As in a stack, with its limits.
    const haproxy = await startHaproxy(
      cluster.apis.map(({ port }) => port),
      true,
      { HAPROXY_KEY_LIMITS: "yes", HAPROXY_ADDRESS_CONNECTIONS: String(stackBounds.address_connections) },
    );
    const sql = connectPostgres({ url: cluster.databaseUrl, name: "test", connections_max: 1 });
    return {
      port: haproxy.port,
      makeKeys: async () => {
        const store = new BookKeys(cluster.databaseUrl);
        const tokens = await makeKeys(store);
        await store.close();
        return tokens;
      },
      keptKeys: async () => {
        const rows = await sql<{ row: string }[]>`SELECT access_keys::text AS row FROM access_keys`;
        return rows.map(({ row }) => row).join("\n");
      },
      events: async () => (await journalOf(sql)).flatMap(({ events }) => events),
      end: async () => {
        await sql.end();
        const audit = cluster.run("audit");
        await haproxy.dispose();
        await cluster[Symbol.asyncDispose]();
        expect([audit.exitCode, audit.stdout.toString()]).toEqual([0, expect.any(String)]);
      },
    };
  });
});
