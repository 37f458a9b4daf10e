import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { serversMissing } from "../support/servers/binaries.ts";
import { booksUnderTest } from "./support/books-under-test.ts";

setDefaultTimeout(60_000);

describe.skipIf(serversMissing !== null)("how a part of a transaction across shards has ended", () => {
  const setup = booksUnderTest();
  const ATTEMPT = "1-aaaaaaaaaaaaaaaaaaaaaa";
  const row = (balance: number, held: number, seq: number, time: number) =>
    `1 100000 ${balance} ${held} ${seq} ${time} BRL/2 open 0`;
  const prepared = `q 1700000000000000 ${ATTEMPT} 1 1 1 elsewhere 30 0 0 0 0 ${row(0, 30, 0, 0)} 30 0 0 req:x `;
  const undone = `u 1700000000000003 ${ATTEMPT} 0 1 ${row(0, 0, 0, 0)} 30 0 0`;
  const finished =
    `f 1700000000000009 ${ATTEMPT} t1-7-0-5 1700000000000005 - 1 1 1 elsewhere 30 1 -30 0 0 ` +
    `${row(-30, 0, 1, 1_700_000_000_000_009)} 30 0 0 req:x `;

  test("is read with its accounts, of the latest one, and only on its shard", async () => {
    expect(await setup.books.endOfPart(0, ATTEMPT)).toBeNull();
    await setup.keep(prepared, undone);
    expect(await setup.books.endOfPart(0, ATTEMPT)).toMatchObject({ type: "undo" });
    await setup.keep(prepared);
    expect(await setup.books.endOfPart(0, ATTEMPT)).toBeNull();
    await setup.keep(finished);
    expect(await setup.books.endOfPart(0, ATTEMPT)).toMatchObject({
      type: "finish",
      accounts: [{ id: "1", balance: -30, seq: 1 }],
    });
    expect(await setup.books.endOfPart(1, ATTEMPT)).toBeNull();
    expect(await setup.books.endOfPart(0, "1-other")).toBeNull();
  });
});
