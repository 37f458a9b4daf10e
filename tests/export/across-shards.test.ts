import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { exportEvents } from "../../src/export/export-events.ts";
import type { FormatName } from "../../src/export/export-format.ts";
import { formatNamed } from "../../src/export/formats.ts";
import { beancountAccount, ledgerAccount } from "../../src/export/names.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { programsMissing, READERS } from "../support/servers/accounting-programs.ts";
import { BACK, BOTH, cursorAt, journalUntil, LATE, type Moves, WHOLE } from "./support/two-shard-journal.ts";

/** Exports of transactions across two shards, wherever the journal of either ends, or the export begins. */

setDefaultTimeout(120_000);

async function exported(
  format: FormatName,
  until: readonly [number, number],
  since?: string,
): Promise<string> {
  const journal = journalUntil(until);
  let text = "";
  await exportEvents(journal, since, formatNamed(format, journal), (piece) => {
    text += piece;
  });
  return text;
}

/** What accounts have, where each transaction counts as soon as its home has decided it. */
function decidedBy([home, other]: readonly [number, number]): Readonly<Record<string, bigint>> {
  const balances: Record<string, bigint> = {};
  const add = (moves: Moves, isDecided: boolean): void => {
    for (const [from, to, amount] of isDecided ? moves : []) {
      balances[from] = (balances[from] ?? 0n) - BigInt(amount);
      balances[to] = (balances[to] ?? 0n) + BigInt(amount);
    }
  };
  add([["@world", "a", 1000]], home >= 1);
  add(BOTH, home >= 2);
  add(BACK, other >= 4);
  add(LATE, home >= 5);
  delete balances["@world"];
  return balances;
}

/** Everywhere the openings of all accounts are there. */
const CUTS = Array.from({ length: WHOLE[0] }, (_, home) =>
  Array.from({ length: WHOLE[1] }, (__, other) => [home + 1, other + 1] as const),
).flat();

describe("an export of transactions across shards", () => {
  let folder: TemporaryFolder;
  beforeAll(() => {
    folder = temporaryFolder("export-across");
  });
  afterAll(() => folder[Symbol.dispose]());

  /** By the account's id; an amount of BRL/2 in cents. */
  function balancesIn(program: string, text: string): Readonly<Record<string, bigint>> {
    const reader = READERS[program];
    if (reader === undefined) throw new Error(program);
    const file = join(folder.path, `across.${program}`);
    writeFileSync(file, text);
    const found = reader.read(file);
    const nameOf = reader.format === "ledger" ? ledgerAccount : beancountAccount;
    const all: Record<string, bigint> = {};
    for (const id of ["a", "b", "b2", "x", "x2"]) {
      const one = found.get(nameOf(id));
      if (one === undefined) continue;
      const decimals = id.startsWith("x") ? 0 : 2;
      all[id] = one.digits * 10n ** BigInt(decimals - one.decimals);
    }
    expect(found.size).toBe(Object.keys(all).length);
    return all;
  }

  for (const [program, { format }] of Object.entries(READERS)) {
    // Beancount takes a second for each.
    const cuts = program === "ledger" ? CUTS : CUTS.filter((_, index) => index % 5 === 1);
    test.skipIf(programsMissing !== null)(
      `has each transaction whole, once, wherever the shards' journals end (${program})`,
      async () => {
        for (const cut of cuts)
          expect({ cut, balances: balancesIn(program, await exported(format, cut)) }).toEqual({
            cut,
            balances: decidedBy(cut),
          });
      },
    );

    test.skipIf(programsMissing !== null)(
      `ends with the same balances wherever it begins (${program})`,
      async () => {
        for (const cut of cuts)
          expect({
            cut,
            balances: balancesIn(program, await exported(format, WHOLE, cursorAt(cut))),
          }).toEqual({ cut, balances: decidedBy(WHOLE) });
      },
    );
  }

  test("together with the next one has each transaction once", async () => {
    const ids = (text: string) => text.match(/\(t\d-\S+\)/g)?.toSorted() ?? [];
    const whole = ids(await exported("ledger", WHOLE));
    expect(whole).toHaveLength(4);
    for (const cut of CUTS) {
      const next = await exported("ledger", WHOLE, cursorAt(cut));
      expect(ids((await exported("ledger", cut)) + next)).toEqual(whole);
    }
  });

  test("has in CSV each entry, under the transaction's own id", async () => {
    const lines = (await exported("csv", WHOLE)).split("\r\n").slice(1, -1);
    const rows = lines.map((line) => line.split(","));
    const entries = rows.map(
      ([, id = "", account = "", , amount = ""]) => `${id.slice(0, 4)} ${account} ${amount}`,
    );
    expect(entries.toSorted()).toEqual(
      [
        "t0-1 a 1000",
        "t0-2 a -40",
        "t0-2 b 40",
        "t0-2 b -2",
        "t0-2 b2 2",
        "t0-2 x -3",
        "t0-2 x2 3",
        "t1-4 a 5",
        "t1-4 b -5",
        "t0-5 a -7",
      ].toSorted(),
    );
  });

  test("has in JSON lines an event of each shard that it touches, and none of what was only prepared", async () => {
    const events = (await exported("jsonl", WHOLE))
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
    const moved = events.filter(({ type }) => type === "transaction.created");
    expect(
      moved.map(({ id, data }) => [id.slice(0, 4), data.id.slice(0, 4), Object.keys(data.accounts)]),
    ).toEqual([
      ["e0-1", "t0-1", ["a"]],
      ["e0-2", "t0-2", ["a"]],
      ["e1-3", "t0-2", ["b", "b2", "x", "x2"]],
      ["e1-4", "t1-4", ["b"]],
      ["e0-4", "t1-4", ["a"]],
      ["e0-5", "t0-5", ["a"]],
    ]);
    expect(events).toHaveLength(moved.length + 5);
  });

  test("says where an account's books are so far behind that its unit is not known", async () => {
    const failure = await exported("ledger", [2, 0]).then(String, String);
    expect(failure).toContain("the books do not have the account x yet: try again in a moment");
  });
});
