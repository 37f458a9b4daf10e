import { afterEach, describe, expect, setSystemTime, test } from "bun:test";
import { isAccountId } from "./ledger/account-id.ts";
import { newAccountId } from "./new-account-id.ts";

describe("a new id", () => {
  afterEach(() => {
    setSystemTime();
  });

  test("is one, was never made before, and nobody takes it for a number", () => {
    const ids = new Set(Array.from({ length: 100_000 }, newAccountId));
    expect(ids.size).toBe(100_000);
    for (const id of ids) if (!isAccountId(id) || !/^[a-z][a-z0-9]+$/.test(id)) throw new Error(id);
  });

  test("sorts behind those that were made a millisecond before, for centuries", () => {
    const now = Date.UTC(2026, 0);
    let last = "";
    // Also where the time in base 36 gets a digit more.
    for (const moment of [
      36 ** 7 - 1,
      36 ** 7,
      now,
      now + 1,
      now + 37,
      36 ** 8 - 1,
      36 ** 8,
      Date.UTC(5188, 0),
    ]) {
      setSystemTime(moment);
      const ids = [newAccountId(), newAccountId(), newAccountId()].toSorted();
      // By code units, as SQLite and PostgreSQL's "C" sort.
      for (const id of ids) if (id <= last) throw new Error(`${id} is not behind ${last}`);
      last = ids.at(-1) ?? "";
    }
  });
});
