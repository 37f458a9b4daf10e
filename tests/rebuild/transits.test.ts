import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { rebuildCluster } from "../../src/rebuild/rebuild-cluster.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { HOME, KeptShards, SECOND, ShardServers, THIRD } from "../support/transits/kept-shards.ts";

failOnLeaks();
setDefaultTimeout(60_000);

describe.skipIf(serversMissing !== null)("a rebuild of transactions across shards", () => {
  let servers: ShardServers;
  let ledger: KeptShards;

  beforeAll(async () => {
    servers = await ShardServers.start();
    ledger = await KeptShards.begin(servers);
    const [done, decided, undone] = [ledger.newAttempt(), ledger.newAttempt(), ledger.newAttempt()];
    for (const attempt of [done, decided, undone])
      for (const shard of [SECOND, THIRD]) await ledger.prepare(attempt, shard);
    for (const attempt of [done, decided]) await ledger.decide(attempt);
    for (const shard of [SECOND, THIRD]) await ledger.finish(done, shard);
    // Beginning and end of a part are not of the same batches.
    await ledger.keep(HOME, SECOND);
    await ledger.calls.ask(SECOND, { type: "undo", attempt: undone });
    await ledger.keepAll();
  });
  afterAll(async () => {
    await ledger[Symbol.asyncDispose]();
    await servers[Symbol.asyncDispose]();
  });

  const rebuild = () =>
    rebuildCluster(ledger.databaseUrl, { confirm: async () => true, say: () => {}, onProgress: () => {} });

  test("finds the tables as the writer has made them", async () => {
    expect(await rebuild()).toMatchObject({ type: "not-needed" });
    expect((await ledger.audit()).findings).toEqual([]);
  });

  test("makes them as they were, where they were changed", async () => {
    const rows = () =>
      ledger.sql`
      SELECT (SELECT json_agg(p ORDER BY shard, g, event) FROM parts AS p) AS parts,
        (SELECT json_agg(t ORDER BY attempt) FROM transits AS t) AS transits,
        (SELECT json_agg(f ORDER BY shard) FROM from_shards AS f) AS from_shards`.values();
    const before = [...(await rows())];
    await ledger.sql.unsafe(`
      DELETE FROM parts WHERE state = 'undone';
      UPDATE parts SET state = 'open', transaction = NULL, ended_g = NULL, ended_event = NULL, ended_at = NULL
      WHERE state = 'finished' AND shard = ${THIRD};
      DELETE FROM transits WHERE attempt = (SELECT min(attempt) FROM transits);
      UPDATE from_shards SET amount = amount + 1 WHERE shard = ${HOME}`);
    expect(await rebuild()).toMatchObject({
      type: "rebuilt",
      tables: [
        { table: "accounts", differing: 0 },
        { table: "limits", differing: 0 },
        { table: "entries", differing: 0 },
        { table: "holds", differing: 0 },
        { table: "reversals", differing: 0 },
        {
          table: "parts",
          rows: 6,
          differing: 2,
          first: [{ account: expect.stringContaining("attempt") }, {}],
        },
        { table: "transits", rows: 2, differing: 1 },
        { table: "from_shards", rows: 3, differing: 1, first: [{ account: "BRL/2" }] },
      ],
    });
    expect([...(await rows())]).toEqual(before);
    expect((await ledger.audit()).findings).toEqual([]);
  });
});
