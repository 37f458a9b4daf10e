import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { auditFile } from "../../src/audit/embedded/audit-file.ts";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { formatEvent, type LedgerEvent, parseEvent } from "../../src/ledger/event.ts";
import { journalHash } from "../../src/ledger/journal.ts";
import { capture, held, hold, moved, release, reversal, transaction } from "../support/ledger/commands.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(60_000);

interface Row {
  readonly time: number;
  readonly events: string;
  readonly previous: Uint8Array;
  readonly hash: Uint8Array;
}

type Damage = string | ((db: Database) => void);

/** Rows of the journal, each of one event. */
const [MOVED, REVERSAL, TO_EXPIRE, TO_CAPTURE, OPEN, CAPTURE, EXPIRY, LAST] = [1, 2, 3, 4, 5, 6, 7, 8];

describe("an audit of transactions and holds in a data file", () => {
  const folder = temporaryFolder();
  const whole = join(folder.path, "whole.db");
  const path = join(folder.path, "damaged.db");
  let [original, toExpire, toCapture] = ["", "", ""];

  beforeAll(async () => {
    let now = 1_700_000_000_000_000;
    const ledger = new EmbeddedLedger({ file: whole, clock: () => (now += 1) });
    try {
      original = moved(await ledger.submit(transaction([["1", "2", 5]], { reference: "R-1" }))).transaction
        .id;
      await ledger.submit(reversal(original));
      toExpire = held(await ledger.submit(hold("1", 7, { expiresInSeconds: 1 }))).id;
      toCapture = held(await ledger.submit(hold("1", 30))).id;
      await ledger.submit(hold("1", 10, { metadata: { order: "7" } }));
      await ledger.submit(capture(toCapture, { amount: 25, to: "2" }));
      now += 2_000_000;
      const outcome = await ledger.submit(release(toExpire));
      expect(outcome).toMatchObject({ type: "refused", refusal: "hold-not-open" });
      await ledger.submit(transaction([["2", "1", 1]], { reference: "R-2" }));
    } finally {
      await ledger.close();
    }
    expect((await auditFile(whole)).findings).toEqual([]);
    const db = new Database(whole, { readonly: true });
    expect(typesIn(db)).toEqual([
      "transaction",
      "transaction",
      "hold",
      "hold",
      "hold",
      "capture",
      "expiry",
      "transaction",
    ]);
    db.close();
  });
  afterAll(() => folder[Symbol.dispose]());

  /** What the audit says of a copy of the file that is damaged so. */
  async function found(...damage: readonly Damage[]): Promise<string[]> {
    copyFileSync(whole, path);
    const db = new Database(path);
    db.run("PRAGMA journal_mode = DELETE");
    db.run("PRAGMA ignore_check_constraints = ON");
    for (const one of damage) {
      if (typeof one === "string") db.run(one);
      else one(db);
    }
    db.close();
    const { findings } = await auditFile(path);
    return findings.map(({ name, account, detail }) => `${name} ${account}: ${detail}`);
  }

  /** Puts another event in the place of one, with the hashes that the rows would have had. */
  function changed<Type extends LedgerEvent["type"]>(
    type: Type,
    g: number,
    make: (event: Extract<LedgerEvent, { readonly type: Type }>) => LedgerEvent,
  ): Damage {
    return (db) => {
      const text = formatEvent(make(eventOf(type, eventsOf(rowAt(db, g)))));
      let previous = rowAt(db, g).previous;
      for (let at = g; at <= LAST; at += 1) {
        const { time, events } = rowAt(db, at);
        const texts = at === g ? [text] : eventsOf({ events });
        const hash = journalHash({ shard: 0, g: at, time, events: texts, previous });
        const now = JSON.stringify(texts);
        db.run("UPDATE journal SET events = ?, previous = ?, hash = ? WHERE g = ?", [
          now,
          previous,
          hash,
          at,
        ]);
        previous = hash;
      }
    };
  }

  /** Adds a row with an event that is made of that of another row. */
  function added<Type extends LedgerEvent["type"]>(
    type: Type,
    of: number,
    make: (event: Extract<LedgerEvent, { readonly type: Type }>) => LedgerEvent,
  ): Damage {
    return (db) => {
      const event = make(eventOf(type, eventsOf(rowAt(db, of))));
      const events = [formatEvent(event)];
      const { hash: previous } = rowAt(db, LAST);
      const time = event.type === "entry" || event.type === "missing" ? 0 : event.time;
      const hash = journalHash({ shard: 0, g: LAST + 1, time, events, previous });
      const row = [LAST + 1, time, JSON.stringify(events), previous, hash];
      db.run("INSERT INTO journal (g, time, events, previous, hash) VALUES (?, ?, ?, ?, ?)", row);
    };
  }

  test("a hold removed, or the words of a transaction changed", async () => {
    expect(await found("DELETE FROM holds WHERE state = 'open'")).toEqual([
      "hold-broken 1: what it has held is not the sum of its open holds: 10 too much",
      expect.stringContaining("journal-differs 1: the journal has (5,0,"),
    ]);
    for (const set of ["description = 'x'", "reference = 'R-3'", "counterparty = NULL", "decided_at = 1"])
      expect(await found(`UPDATE entries SET ${set} WHERE account = '2' AND seq = 1`)).toEqual([
        expect.stringContaining("journal-differs 2: the journal has (2,1,5,5,"),
      ]);
  });

  test("one side of a capture is missing, among the entries or in its event", async () => {
    expect(await found("DELETE FROM entries WHERE account = '2' AND seq = 3")).toContainEqual(
      expect.stringContaining("journal-differs 2: the journal has (2,3,25,25,"),
    );
    const one = await found(
      changed("capture", CAPTURE, (event) => ({ ...event, accounts: event.accounts.slice(0, 1) })),
    );
    expect(one).toContainEqual(
      expect.stringMatching(
        /^account-differs 1: the capture req:\S+ does not fit itself: its accounts are not those of its postings$/,
      ),
    );
    const other = await found(
      changed("transaction", MOVED, (event) => ({
        ...event,
        postings: event.postings.map((posting) => ({ ...posting, toBalance: posting.toBalance + 1 })),
      })),
    );
    expect(other).toContainEqual(
      expect.stringMatching(
        /^account-differs 1: the transaction req:\S+ does not fit itself: 2 does not end where its postings do$/,
      ),
    );
  });

  test("a transaction that is reversed twice", async () => {
    const again = await found(added("transaction", REVERSAL, (event) => ({ ...event, id: "req:again" })));
    expect(again).toContain(
      `reversal-broken 2: the transaction ${original} is reversed a second time, in row ${LAST + 1}`,
    );
  });

  test("a reversal that is not the opposite, of what is not there, or of a reversal", async () => {
    const of = "reversal-broken 2: it reverses the transaction";
    const less = await found(
      changed("transaction", REVERSAL, (event) => ({
        ...event,
        postings: event.postings.map((posting) => ({ ...posting, amount: 4 })),
      })),
    );
    expect(less).toContain(`${of} ${original}, and its postings are not the opposite ones`);
    const unknown = await found(
      changed("transaction", REVERSAL, (event) => ({ ...event, reverses: "t0-1-1-1" })),
    );
    expect(unknown).toContain(`${of} t0-1-1-1, which the journal does not have`);
    const twice = await found(changed("transaction", MOVED, (event) => ({ ...event, reverses: "t0-0-0-1" })));
    expect(twice).toContain(`${of} ${original}, which is a reversal itself`);
  });

  test("a hold that expires before its time, is captured after it, or ends twice", async () => {
    const early = await found(
      changed("hold", TO_EXPIRE, (event) => ({ ...event, expiresAt: event.expiresAt + 9_000_000 })),
    );
    expect(early).toContain(`hold-broken 1: the hold ${toExpire} has expired before its time`);
    const late = await found(
      changed("hold", TO_CAPTURE, (event) => ({ ...event, expiresAt: event.time + 1 })),
    );
    expect(late).toContain(`hold-broken 1: the hold ${toCapture} ends by a capture after it had expired`);
    const again = await found(added("capture", CAPTURE, (event) => ({ ...event, id: "req:again" })));
    expect(again).toContain(`hold-broken 1: a hold is ended that of account 1 is captured: ${toCapture}`);
    const other = await found(added("expiry", EXPIRY, (event) => ({ ...event, hold: "h0-1-0-5" })));
    expect(other).toContain("hold-broken 1: a hold is ended that is not there: h0-1-0-5");
  });

  test("a hold beyond the limit", async () => {
    const beyond = await found(
      changed("hold", OPEN, (event) => ({ ...event, account: { ...event.account, creditLimit: 1 } })),
    );
    expect(beyond).toContain("limit-passed 1: the balance 0, less 47 held, is under the limit of 1");
  });
});

function rowAt(db: Database, g: number): Row {
  const row = db.query<Row, [number]>("SELECT time, events, previous, hash FROM journal WHERE g = ?").get(g);
  if (row === null) throw new Error(`there is no row ${g}`);
  return row;
}

function eventsOf({ events }: Pick<Row, "events">): string[] {
  const texts: string[] = JSON.parse(events);
  return texts;
}

function typesIn(db: Database): string[] {
  const rows = db.query<Row, []>("SELECT * FROM journal WHERE g > 0 ORDER BY g").all();
  return rows.flatMap((row) => eventsOf(row)).map((text) => parseEvent(text).type);
}

function eventOf<Type extends LedgerEvent["type"]>(
  type: Type,
  [text = ""]: readonly string[],
): Extract<LedgerEvent, { readonly type: Type }> {
  const event = parseEvent(text);
  if (!isOf(event, type)) throw new Error(`it is a ${event.type}`);
  return event;
}

function isOf<Type extends LedgerEvent["type"]>(
  event: LedgerEvent,
  type: Type,
): event is Extract<LedgerEvent, { readonly type: Type }> {
  return event.type === type;
}
