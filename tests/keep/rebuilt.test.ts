import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { bounds } from "../../src/bounds.ts";
import { INITIAL } from "../../src/ledger/command.ts";
import { isCommandEvent, parseEvent } from "../../src/ledger/event.ts";
import { nameIn } from "../../src/ledger/named-id.ts";
import { rebuildCluster } from "../../src/rebuild/rebuild-cluster.ts";
import { journalFaults, journalOf } from "../support/kept-journal.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failure } from "./divergence-section.ts";
import { booksUnderTest } from "./support/books-under-test.ts";

setDefaultTimeout(60_000);

describe.skipIf(serversMissing !== null)("the books, made anew from their journal", () => {
  const setup = booksUnderTest();

  const rebuild = () =>
    rebuildCluster(setup.url, { confirm: async () => true, say: () => {}, onProgress: () => {} });

  /** The event, of a command that came with an access key. */
  const named = (text: string) => text.replace(/ (?=(?:key|bat|req):\S+ )/, " shop/");

  /** All kinds of events, in more batches than are made anew at once. */
  async function fill(): Promise<void> {
    const { source } = setup;
    const holds: string[] = [];
    const hold = (account: string) => {
      const text = source.hold(account, 3, { reference: "r", metadata: { b: "1", aa: "2" } });
      holds.push(source.latest.hold);
      return text;
    };
    await setup.keep(
      named(source.open("a", 50, "Ana", { unit: "USD/2", metadata: { tier: "gold" } })),
      named(source.entry("a", 7)),
      named(source.change("a", { limit: 60 })),
      source.change("a", { state: "frozen", name: null }),
    );
    const transfer = source.transaction(
      [
        ["1", "2", 5],
        ["2", "@world", 1],
      ],
      { description: "a \u0001 b" },
    );
    const { transaction } = source.latest;
    await setup.keep(named(transfer), named(hold("1")), hold("2"), hold("3"), hold("4"));
    await setup.keep(
      source.transaction([["2", "1", 5]], { reverses: transaction }),
      named(source.capture(holds[0] ?? "", [["3", 2]])),
      named(source.release(holds[1] ?? "")),
      named(source.refusal("1")),
    );
    const many = Array.from({ length: bounds.rebuild_page_journal_rows + 5 }, () =>
      source.close([source.entry("5", 2)]),
    );
    await setup.books.keep(0, many);
    await setup.keep(source.expire(holds[2] ?? ""));
    expect(await journalFaults(setup.sql)).toEqual([]);
    const commands = await setup.sql<{ command: string }[]>`
      SELECT command FROM accounts UNION SELECT command FROM limits UNION SELECT command FROM entries
      UNION SELECT command FROM holds`;
    const ofShop = commands.map(({ command }) => command).filter((command) => command.startsWith("shop/"));
    expect(ofShop.toSorted()).toEqual([
      "shop/key:open-a",
      "shop/req:a-1",
      "shop/req:change-a",
      "shop/req:h",
      "shop/req:p",
      "shop/req:t",
    ]);
  }

  test("tell the name of the access key of each event by the query of docs/journal.md", async () => {
    await fill();
    // What reads like a name or an id is none where it is not in its place.
    const { source } = setup;
    await setup.keep(
      source.open("key:a", 50, "shop/key:b"),
      source.refusal("key:a/3"),
      source.refusal("9").replace(" key:", " till-2/key:k/key:"),
      source.entry("key:a", 1, "shop/key:c d"),
    );
    const query = /<!-- tests\/keep\/rebuilt\.test\.ts runs it -->\s+```sql\n([^]*?)```/.exec(
      readFileSync("docs/journal.md", "utf8"),
    )?.[1];
    const rows: readonly unknown[] = await setup.sql.unsafe(
      String(query).replace("BETWEEN 1 AND 100", "> 0"),
    );
    const wanted = (await journalOf(setup.sql)).flatMap(({ g, shard, events }) =>
      events.flatMap((text, place) => {
        const event = parseEvent(text);
        if (!isCommandEvent(event)) return [];
        const id = event.type === "entry" ? event.entry.id : event.id;
        return id === INITIAL ? [] : [{ shard, g, event: place, text, access_key: nameIn(id) }];
      }),
    );
    expect([...rows]).toEqual(wanted);
    expect(new Set(wanted.map(({ access_key: name }) => name))).toEqual(new Set([null, "shop", "till-2"]));
    expect(wanted.filter(({ access_key: name }) => name !== null)).toHaveLength(9);
  });

  test("are the same; where they were changed, they are put right", async () => {
    await fill();
    expect(await rebuild()).toMatchObject({ type: "not-needed" });
    const damage = [
      "UPDATE accounts SET metadata = '{}', held = 1 WHERE account = '4'",
      "UPDATE accounts SET opening = 'x' WHERE account = 'a'",
      "UPDATE entries SET counterparty = 'x', decided_at = 1 WHERE account = '2' AND seq = 1",
      "UPDATE entries SET g = g + 1 WHERE account = '5' AND seq = 3",
      "DELETE FROM limits WHERE account = 'a' AND version = 2",
      "UPDATE holds SET state = 'open', ended_g = NULL, ended_event = NULL, ended_at = NULL WHERE state = 'captured'",
      "DELETE FROM holds WHERE state = 'expired'",
      "UPDATE reversals SET reversal = 'x'",
      "UPDATE accounts SET entries_more = 9 WHERE account = '3'",
    ];
    for (const one of damage) await setup.sql.unsafe(one);
    expect(await rebuild()).toMatchObject({
      type: "rebuilt",
      tables: [
        { table: "accounts", rows: 6, differing: 3 },
        { table: "limits", rows: 7, differing: 1 },
        { table: "entries", differing: 2 },
        { table: "holds", rows: 4, differing: 2, first: [{ account: "1" }, { account: "3" }] },
        { table: "reversals", rows: 1, differing: 1, first: [{ account: "t0-2-0-10001" }] },
        { table: "parts", rows: 0, differing: 0 },
        { table: "transits", rows: 0, differing: 0 },
        { table: "from_shards", rows: 0, differing: 0 },
      ],
    });
    expect(await journalFaults(setup.sql)).toEqual([]);
    // The writer goes on in the new tables.
    await setup.keep(setup.source.entry("1", 1));
    expect(await journalFaults(setup.sql)).toEqual([]);
  });

  test("are not made of events that do not follow from each other", async () => {
    const { source } = setup;
    await setup.keep(source.entry("1", 5));
    await setup.sql`UPDATE accounts SET balance = 7, seq = 3 WHERE account = '1'`;
    Object.assign(source.accounts.get("1") ?? {}, { balance: 7, seq: 3 });
    await setup.keep(source.entry("1", 1));
    expect(String(await failure(rebuild()))).toMatch(
      /the journal makes no books \(.*account 1, seq 2.*\): put back a backup; nothing was changed\.$/,
    );
  });
});
