import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { z } from "zod";
import { formatEvent, type LedgerEvent, parseEvent } from "../../src/ledger/event.ts";
import { journalHash } from "../../src/ledger/journal.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { AuditedCluster } from "./support/audited-cluster.ts";
import { type Damage, DamagedBooks } from "./support/damaged-books.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const made = z.object({ id: z.string() });

describe.skipIf(serversMissing !== null)("an audit of transactions and holds in the books", () => {
  let system: AuditedCluster;
  let books: DamagedBooks;
  let last = 0;
  let [moved, reversal, captured, open, expired] = ["", "", "", "", ""];

  beforeAll(async () => {
    system = await AuditedCluster.start();
    books = new DamagedBooks(system);
    const post = async (path: string, body: object) => made.parse(await system.call("POST", path, body)).id;
    for (const id of ["payer", "payee"]) await system.open(900, null, { id });
    const postings = [{ from: "payer", to: "payee", amount: 5 }];
    moved = await post("/v1/transactions", { postings, reference: "R-1", metadata: { a: "b" } });
    reversal = await post(`/v1/transactions/${moved}/reversal`, {});
    expired = await post("/v1/holds", { from: "payer", amount: 7, expires_in: 1 });
    captured = await post("/v1/holds", { from: "payer", amount: 30 });
    const released = await post("/v1/holds", { from: "payer", amount: 20 });
    open = await post("/v1/holds", { from: "payer", amount: 10, metadata: { order: "7" } });
    await system.call("POST", `/v1/holds/${captured}/capture`, { amount: 25, to: "payee" });
    await system.call("POST", `/v1/holds/${released}/release`, {});
    await eventually("the hold has expired", async () => {
      const [row] = await system.books.sql`SELECT FROM holds WHERE state = 'expired'`;
      return row !== undefined;
    });
    await system.books.drained();
    await Promise.all(system.cluster.writers.map((writer) => writer.stop()));
    last = await system.books.lastG();
  });

  afterAll(() => system[Symbol.asyncDispose]());

  /** Puts another event in the place of one, with the hashes that the rows would have had. */
  function changed<Type extends LedgerEvent["type"]>(
    type: Type,
    id: string,
    make: (event: Extract<LedgerEvent, { readonly type: Type }>) => LedgerEvent,
  ): Damage {
    return async () => {
      const g = placeOf(id);
      const [text = ""] = (await books.row(g)).events;
      const event = parseEvent(text);
      if (!isOf(event, type)) throw new Error(`${id} is a ${event.type}`);
      await system.books.sql`UPDATE journal SET events = ARRAY[${formatEvent(make(event))}] WHERE g = ${g}`;
      await books.seal(g, last);
    };
  }

  /** Adds a batch with an event that is made of the one of another batch. */
  function added<Type extends LedgerEvent["type"]>(
    type: Type,
    of: number,
    make: (event: Extract<LedgerEvent, { readonly type: Type }>) => LedgerEvent,
  ): Damage {
    return async () => {
      const event = parseEvent((await books.row(of)).events[0] ?? "");
      if (!isOf(event, type)) throw new Error(`batch ${of} is a ${event.type}`);
      const { hash: previous, time } = await books.row(last);
      const events = [formatEvent(make(event))];
      const hash = journalHash({ shard: 0, g: last + 1, time, events, previous });
      await system.books.sql`
        INSERT INTO journal VALUES (0, ${last + 1}, ${time}, ARRAY[${events[0] ?? ""}], ${Buffer.from(previous)},
          ${Buffer.from(hash)})`;
    };
  }

  async function placeOfType(letter: string): Promise<number> {
    const [row] = await system.books.sql<{ g: number }[]>`
      SELECT g FROM journal WHERE events[1] LIKE ${`${letter} %`} ORDER BY g LIMIT 1`;
    return row?.g ?? -1;
  }

  test("finds nothing in what is right", async () => {
    expect((await system.audit()).findings).toEqual([]);
  });

  test("a hold removed, or its times, words, or end changed", async () => {
    expect(await books.found(["DELETE FROM holds WHERE state = 'open'"])).toEqual([
      "hold-broken payer -",
      "journal-differs payer -",
    ]);
    for (const set of [
      "expires_at = expires_at + 1",
      "recipient = 'payee'",
      `details = '{"metadata":{"order":"8"}}'`,
      "command = 'req:other'",
      "time = time + 1",
    ])
      expect(await books.found([`UPDATE holds SET ${set} WHERE state = 'open'`])).toContain(
        "journal-differs payer -",
      );
    for (const set of ["ended_g = ended_g + 1", "ended_event = 1", "ended_at = ended_at - 1"])
      expect(await books.found([`UPDATE holds SET ${set} WHERE state = 'captured'`])).toEqual([
        "journal-differs payer -",
      ]);
  });

  test("the words of a transaction changed", async () => {
    for (const set of ["description = 'x'", "reference = 'R-2'", "decided_at = 1", "counterparty = NULL"])
      expect(await books.found([`UPDATE entries SET ${set} WHERE account = 'payee' AND seq = 1`])).toEqual([
        "journal-differs payee 1",
      ]);
  });

  test("one side of a capture is missing, in the books or in its event", async () => {
    const side = "DELETE FROM entries WHERE account = 'payee' AND seq = 3";
    expect(await books.found([side])).toEqual(["journal-differs payee 3"]);
    const g = await placeOfType("p");
    const command = parseEvent((await books.row(g)).events[0] ?? "");
    const self = `the capture ${command.type === "capture" ? command.id : ""} does not fit itself`;
    const { findings } = await details([
      changed("capture", `p0-${g}-0-0`, (event) => ({ ...event, accounts: event.accounts.slice(0, 1) })),
    ]);
    expect(findings).toContain(`account-differs payer: ${self}: its accounts are not those of its postings`);
    const one = await details([
      changed("capture", `p0-${g}-0-0`, (event) => ({
        ...event,
        postings: event.postings.map((posting) => ({ ...posting, toBalance: posting.toBalance + 1 })),
      })),
    ]);
    expect(one.findings).toContain(
      `account-differs payer: ${self}: payee does not end where its postings do`,
    );
  });

  /** Also of the names that DamagedBooks leaves out, with what they say. */
  async function details(damage: readonly Damage[]): Promise<{ readonly findings: string[] }> {
    const found: string[] = [];
    await books.report([
      ...damage,
      async () => {
        for (const { name, account, detail } of (await system.audit({ natsUrl: null })).findings)
          found.push(`${name} ${account}: ${detail}`);
      },
    ]);
    return { findings: found };
  }

  test("a transaction that is reversed twice", async () => {
    const again = added("transaction", placeOf(reversal), (event) => ({ ...event, id: "req:again" }));
    expect((await details([again])).findings).toContainEqual(
      expect.stringContaining(
        `reversal-broken null: the transaction ${moved} is reversed a second time: row ${last + 1} of the journal`,
      ),
    );
  });

  test("a reversal that is not the opposite, of what is not there, or of a reversal", async () => {
    const by = (make: (event: Extract<LedgerEvent, { type: "transaction" }>) => LedgerEvent) =>
      details([changed("transaction", reversal, make)]);
    const of = `reversal-broken payee: ${reversal}: it reverses the transaction`;
    const less = await by((event) => ({
      ...event,
      postings: event.postings.map((posting) => ({ ...posting, amount: 4 })),
    }));
    expect(less.findings).toContain(`${of} ${moved}, and its postings are not the opposite ones`);
    const other = `${moved.slice(0, moved.lastIndexOf("-"))}-1`;
    const table = `UPDATE reversals SET reversed = '${other}'`;
    const unknown = await details([
      table,
      changed("transaction", reversal, (event) => ({ ...event, reverses: other })),
    ]);
    expect(unknown.findings).toContain(`${of} ${other}, which the journal does not have`);
    const self = await details([
      `UPDATE reversals SET reversed = '${reversal}'`,
      changed("transaction", reversal, (event) => ({ ...event, reverses: reversal })),
    ]);
    expect(self.findings).toContain(`${of} ${reversal}, which came after it`);
    const twice = await details([
      changed("transaction", moved, (event) => ({ ...event, reverses: `t0-1-0-1` })),
    ]);
    expect(twice.findings).toContain(`${of} ${moved}, which is a reversal itself`);
  });

  test("a hold that expires before its time, or is captured after it", async () => {
    const early = "UPDATE holds SET expires_at = ended_at + 1 WHERE state = 'expired'";
    expect((await details([early])).findings).toContain(
      `hold-broken payer: the hold at 0 of batch ${placeOf(expired)} has expired before its time`,
    );
    const late = "UPDATE holds SET expires_at = ended_at WHERE state = 'captured'";
    expect((await details([late])).findings).toContain(
      `hold-broken payer: the hold at 0 of batch ${placeOf(captured)} was captured after it had expired`,
    );
  });

  test("a capture of a hold that had ended", async () => {
    const again = added("capture", await placeOfType("p"), (event) => ({ ...event, id: "req:again" }));
    expect((await details([again])).findings).toContainEqual(
      expect.stringContaining("hold-broken payer: a hold is ended that has ended: "),
    );
  });

  test("a hold, and a posting, beyond the limit", async () => {
    const beyond = await details([
      changed("hold", open, (event) => ({ ...event, account: { ...event.account, creditLimit: 1 } })),
    ]);
    expect(beyond.findings).toContainEqual(
      expect.stringMatching(/^limit-passed payer: the balance 0, less \d+ held, is under the limit of 1$/),
    );
    const moves = await details([
      changed("transaction", moved, (event) => ({
        ...event,
        accounts: event.accounts.map((account) => ({ ...account, creditLimit: 1 })),
      })),
    ]);
    expect(moves.findings).toContain("limit-passed payer: the balance -5 is under the limit of 1");
  });

  test("sums changed, by unit", async () => {
    for (const sum of ["entries_more", "from_others"])
      expect(
        await books.found([`UPDATE accounts SET ${sum} = coalesce(${sum}, 0) + 1 WHERE account = '1'`]),
      ).toEqual(["journal-differs - -", "journal-differs - -"]);
  });
});

function isOf<Type extends LedgerEvent["type"]>(
  event: LedgerEvent,
  type: Type,
): event is Extract<LedgerEvent, { readonly type: Type }> {
  return event.type === type;
}

/** The batch that an id names. */
function placeOf(id: string): number {
  return Number(id.split("-")[1]);
}
