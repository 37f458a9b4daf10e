import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { rebuildCluster } from "../../src/rebuild/rebuild-cluster.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failure } from "./divergence-section.ts";
import { booksUnderTest } from "./support/books-under-test.ts";

setDefaultTimeout(60_000);

describe.skipIf(serversMissing !== null)("the books of transactions across shards", () => {
  const setup = booksUnderTest();
  const FIRST = "1-aaaaaaaaaaaaaaaaaaaaaa";
  const TRANSACTION = "1-7-0-1700000000000000";

  /** What account 1 is, of an opening limit of 100000. */
  const row = (balance: number, held: number, seq: number, time: number) =>
    `1 100000 ${balance} ${held} ${seq} ${time} BRL/2 open 0`;
  const prepared = (attempt = FIRST) =>
    `q 1700000000000000 ${attempt} 1 1 1 elsewhere 30 0 0 0 0 ${row(0, 30, 0, 0)} 30 0 0 req:x `;
  const finished = (outgoing = 30) =>
    `f 1700000000000009 ${FIRST} ${TRANSACTION} 1700000000000005 - 1 1 1 elsewhere 30 1 -30 0 0 ` +
    `${row(-30, 0, 1, 1_700_000_000_000_009)} ${outgoing} 0 0 req:x `;
  const undone = `u 1700000000000009 ${FIRST} 0 1 ${row(0, 0, 0, 0)} 30 0 0`;
  const parts = () => setup.sql`SELECT state, transaction, ended_event FROM parts ORDER BY g, event`.values();
  const account = () =>
    setup.sql`SELECT balance, held, from_others::int FROM accounts WHERE account = '1'`.values();

  test("a part is open until it is finished, in the same batches or later ones; and made anew it is the same", async () => {
    await setup.keep(prepared());
    expect([...(await account())]).toEqual([[0, 30, null]]);
    expect([...(await parts())]).toEqual([["open", null, null]]);
    await setup.keep(finished());
    expect([...(await account())]).toEqual([[-30, 0, -30]]);
    expect([...(await parts())]).toEqual([["finished", TRANSACTION, 0]]);
    expect([...(await setup.sql`SELECT unit, amount::int FROM from_shards`.values())]).toEqual([
      ["BRL/2", -30],
    ]);
    const options = { confirm: async () => true, say: () => {}, onProgress: () => {} };
    expect(await rebuildCluster(setup.url, options)).toMatchObject({ type: "not-needed" });
  });

  test("an undone part moves nothing, and may be prepared again", async () => {
    await setup.keep(prepared(), undone, prepared());
    expect([...(await account())]).toEqual([[0, 30, null]]);
    expect([...(await parts())].map(([state]) => state)).toEqual(["undone", "open"]);
    expect([...(await setup.sql`SELECT FROM from_shards`)]).toEqual([]);
  });

  test("an end that frees something else is refused", async () => {
    await setup.keep(prepared());
    expect(String(await failure(setup.keep(finished(20))))).toContain("set aside");
    expect([...(await parts())]).toEqual([["open", null, null]]);
  });

  test("an end without an open part is refused", async () => {
    expect(String(await failure(setup.keep(undone)))).toContain("has no open part");
    expect([...(await parts())]).toEqual([]);
  });
});
