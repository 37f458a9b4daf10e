import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { auditFile } from "../../src/audit/embedded/audit-file.ts";
import type { Finding } from "../../src/audit/report/audit-report.ts";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import type { AccountId } from "../../src/ledger/account.ts";
import type { Transact } from "../../src/ledger/command.ts";
import { type JournalHead, journalHash } from "../../src/ledger/journal.ts";
import { capture, change, held, hold, reversal } from "../support/ledger/commands.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { openAccount } from "../support/open-account.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { place, places } from "./support/audited-cluster.ts";

failOnLeaks();
setDefaultTimeout(60_000);

interface Row {
  readonly g: number;
  readonly time: number;
  readonly events: string;
  readonly previous: Uint8Array;
}

/** SQL, or what else is done to a file. */
type Damage = string | ((db: Database) => void);

function credit(account: AccountId, id: Transact["id"]): Transact {
  return { type: "transact", id, account, kind: "credit", value: 1, description: "c" };
}

/** A ledger's file at rest. Each command is a row of the journal, from 1 on; row 6 opens an account, which it returns. */
async function makeFile(path: string): Promise<AccountId> {
  const ledger = new EmbeddedLedger({ file: path });
  try {
    for (let entry = 1; entry <= 5; entry += 1) await ledger.submit(credit("3", `req:${entry}`));
    const opened = await openAccount(ledger, "key:open", "Padaria Joia");
    await ledger.submit({ ...credit(opened, "key:debit"), kind: "debit", value: 400 });
    await ledger.submit({ ...credit(opened, "key:much"), kind: "debit", value: 400 });
    await ledger.submit(change("2", { id: "key:limit", creditLimit: 90_000 }));
    await ledger.submit(change("2", { id: "req:limit", creditLimit: 70_000 }));
    await ledger.submit(credit("2", "req:last"));
    const { id } = held(await ledger.submit(hold("4", 9, { reference: "r" })));
    const { transaction } = held(await ledger.submit(capture(id, { amount: 3, to: "5" })));
    await ledger.submit(reversal(transaction ?? ""));
    return opened;
  } finally {
    await ledger.close();
  }
}

describe("an audit of a data file by its journal", () => {
  const folder = temporaryFolder();
  const whole = join(folder.path, "whole.db");
  const path = join(folder.path, "damaged.db");
  let head: JournalHead;
  let opened: AccountId;
  beforeAll(async () => {
    opened = await makeFile(whole);
    const report = await auditFile(whole);
    expect(report.findings).toEqual([]);
    head = report.heads[0] ?? { shard: 0, g: -1, hash: new Uint8Array() };
    expect(head).toMatchObject({ shard: 0, g: 14 });
  });
  afterAll(() => folder[Symbol.dispose]());

  function changeFile(damage: (db: Database) => void): void {
    copyFileSync(whole, path);
    const db = new Database(path);
    db.run("PRAGMA journal_mode = DELETE");
    db.run("PRAGMA ignore_check_constraints = ON");
    damage(db);
    db.close();
  }

  /** What the audit finds in a copy of the file that is damaged so. */
  async function findings(...damage: readonly Damage[]): Promise<readonly Finding[]> {
    changeFile((db) => damage.forEach((one) => (typeof one === "string" ? db.run(one) : one(db))));
    const { findings: all } = await auditFile(path);
    return all.map((one) => ({ ...one, account: one.account === opened ? "opened" : one.account }));
  }

  const found = async (...damage: readonly Damage[]): Promise<string[]> =>
    (await findings(...damage)).map(({ name, account, seq }) => place(name, account, seq));

  /** Gives the rows from g on the hashes that they would have had. */
  const rehash = (from: number) => (db: Database) => {
    const rows = db
      .query<Row, [number]>("SELECT g, time, events, previous FROM journal WHERE g >= ? ORDER BY g")
      .all(from);
    let previous = rows[0]?.previous ?? new Uint8Array();
    for (const { g, time, events } of rows) {
      const texts: string[] = JSON.parse(events);
      const hash = journalHash({ shard: 0, g, time, events: texts, previous });
      db.run("UPDATE journal SET previous = ?, hash = ? WHERE g = ?", [previous, hash, g]);
      previous = hash;
    }
  };

  const inEvents = (g: number, from: string, to: string) =>
    `UPDATE journal SET events = replace(events, '${from}', '${to}') WHERE g = ${g}`;

  describe("rows of the tables, with the journal whole", () => {
    test("an account's last entry: changed, or deleted, one or more", async () => {
      const last = "WHERE account = '3' AND seq = 5";
      expect(await findings(`UPDATE entries SET amount = 2, balance = 6 ${last}`)).toEqual([
        {
          name: "journal-differs",
          account: "3",
          seq: 5,
          detail: expect.stringMatching(
            /^the journal has \(3,5,1,5,c,req:5,\d+,5,0,NULL,NULL,NULL,NULL\), the entries have \(3,5,2,6,c,req:5,\d+,5,0,NULL,NULL,NULL,NULL\)$/,
          ),
        },
      ]);
      for (const set of [
        "description = 'd'",
        "command = 'req:x'",
        "time = time + 1",
        "g = 4",
        "place = 1",
        "part = 0",
        "decided_at = time",
        "counterparty = '1'",
        "reference = ''",
      ])
        expect(await found(`UPDATE entries SET ${set} ${last}`)).toEqual(["journal-differs 3 5"]);
      expect(await found(`DELETE FROM entries ${last}`)).toEqual(["journal-differs 3 5"]);
      const [two, ...others] = await findings("DELETE FROM entries WHERE account = '3' AND seq > 3");
      expect([two?.seq, others]).toEqual([4, []]);
      expect(two?.detail).toMatch(/the entries have nothing; so do 1 later places$/);
    });

    test("a description in the middle, an entry added", async () => {
      expect(await found("UPDATE entries SET description = 'x' WHERE account = '3' AND seq = 2")).toEqual([
        "journal-differs 3 2",
      ]);
      const add = `INSERT INTO entries SELECT account, 6, amount, 6, description, 'req:new', time + 1, 12, 0,
          NULL, NULL, NULL, NULL
        FROM entries WHERE account = '3' AND seq = 5`;
      expect(await found(add)).toEqual(["journal-differs 3 6"]);
    });

    test("an account: deleted from all tables, added, and whatever it is", async () => {
      const all = ["accounts", "entries"].map((table) => `DELETE FROM ${table} WHERE account = '${opened}'`);
      expect(await found(...all)).toEqual(["journal-differs opened -"]);
      const add = "INSERT INTO accounts VALUES ('7', 'BRL/2', 'open', 5, 0, NULL, NULL, 'x', 5)";
      expect(await found(add)).toEqual(["journal-differs 7 -"]);
      for (const set of [
        "unit = 'USD/2'",
        "state = 'frozen'",
        "credit_limit = 7",
        "name = ''",
        `metadata = '{"a":"b"}'`,
        "opening = 'x'",
        "opened_at = 5",
      ])
        expect(await found(`UPDATE accounts SET ${set} WHERE account = '5'`)).toEqual([
          "journal-differs 5 -",
        ]);
      const [frozen] = await findings("UPDATE accounts SET state = 'frozen' WHERE account = '5'");
      expect(frozen?.detail).toMatch(
        /^the journal has \(5,BRL\/2,open,500000,0,.+\), the accounts have \(5,BRL\/2,frozen,500000,0,/,
      );
    });

    test("a hold and a reversal: changed, deleted, added", async () => {
      for (const set of [
        "counterparty = '1'",
        "expires_at = expires_at + 1",
        "details = ''",
        "time = time + 1",
        "moved_by = NULL",
        "captured = 1",
      ])
        expect(await found(`UPDATE holds SET ${set} WHERE account = '4'`)).toEqual(["journal-differs 4 -"]);
      expect(await found("DELETE FROM holds WHERE account = '4'")).toEqual(["journal-differs 4 -"]);
      expect(await found("DELETE FROM reversals")).toEqual(["journal-differs - -"]);
      expect(await found("UPDATE reversals SET reversal = 't0-1-0-1'")).toEqual(["journal-differs - -"]);
      expect(await found("INSERT INTO reversals VALUES ('t0-1-0-1', 't0-2-0-1')")).toEqual([
        "journal-differs - -",
      ]);
    });

    test("a remembered outcome: emptied, changed, deleted, added, put off", async () => {
      const set = (key: string, what: string) => `UPDATE outcomes SET ${what} WHERE command = 'key:${key}'`;
      for (const what of ["g = g + 1", "place = 1", "forget_at = forget_at - 1000"])
        expect(await found(set("debit", what))).toEqual(["journal-differs opened 1"]);
      expect(await found(set("much", "g = g - 1"))).toEqual(["journal-differs - -"]);
      expect(await findings("DELETE FROM outcomes WHERE command = 'key:open'")).toEqual([
        {
          name: "journal-differs",
          account: "opened",
          seq: null,
          detail: "the remembered outcome of key:open is missing",
        },
      ]);
      expect(await findings(set("debit", "command = 'key:other'"))).toHaveLength(2);
    });

    test("more than one place, in accounts far apart", async () => {
      const several = await found(
        `UPDATE entries SET description = 'x' WHERE account = '${opened}'`,
        "UPDATE entries SET description = 'x' WHERE account = '3' AND seq IN (1, 5)",
      );
      expect(several).toEqual(["journal-differs 3 1", "journal-differs 3 5", "journal-differs opened 1"]);
    });
  });

  describe("decisions that do not follow on those before, written by a ledger that has a defect", () => {
    /** Adds a row with an event that is made of one that is there. */
    const adding = (g: number, make: (text: string) => string) => (db: Database) => {
      const { events = "[]" } =
        db.query<{ events: string }, [number]>("SELECT events FROM journal WHERE g = ?").get(g) ?? {};
      const [text = ""]: string[] = JSON.parse(events);
      db.run("INSERT INTO journal SELECT 15, time, ?, hash, hash FROM journal WHERE g = 14", [
        JSON.stringify([make(text)]),
      ]);
      rehash(15)(db);
    };

    test("a hold that ends twice", async () => {
      // Row 13 is "p <time> <hold> 1 2 <posting of 7> 4 <row> 5 <row> <id> ...".
      const again = adding(13, (text) => {
        const fields = text.split(" ");
        return ["r", fields[1], fields[2], "4", ...fields.slice(13, 21), "req:again", "-"].join(" ");
      });
      expect(await found(again)).toEqual(
        expect.arrayContaining(["hold-broken 4 -", "account-differs 4 1", "journal-differs 4 -"]),
      );
    });

    test("a limit that was not in force, and one that was passed", async () => {
      expect(await found(inEvents(11, " 70000 ", " 80000 "), rehash(11))).toEqual(["account-differs 2 1"]);
      expect(await found(inEvents(7, " 500 key", " 300 key"), rehash(7))).toEqual([
        "account-differs opened 1",
        "limit-passed opened 1",
      ]);
    });

    test("a command that took effect twice", async () => {
      const table = "UPDATE entries SET command = 'req:5' WHERE account = '2'";
      expect(await found(inEvents(11, "req:last", "req:5"), rehash(11), table)).toEqual([
        "command-doubled 2 1",
      ]);
      const key = "UPDATE entries SET command = 'key:debit' WHERE account = '2'";
      expect(await found(inEvents(11, "req:last", "key:debit"), rehash(11), key)).toContain(
        "command-doubled 2 1",
      );
      const named = "UPDATE entries SET command = 'till-2/key:debit' WHERE account = '2'";
      expect(await found(inEvents(11, "req:last", "till-2/key:debit"), rehash(11), named)).toContain(
        "command-doubled 2 1",
      );
    });
  });

  describe("rows of the journal", () => {
    test("a row changed: its hash tells, or the row after it, or the tables", async () => {
      const changed = inEvents(3, " 1 3 ", " 9 3 ");
      expect(await found(changed)).toEqual(["journal-hash - -", "journal-differs 3 3"]);
      expect(await found("UPDATE journal SET time = time + 1 WHERE g = 3")).toContain("journal-hash - -");
      expect(await found("UPDATE journal SET hash = zeroblob(32) WHERE g = 3")).toEqual([
        "journal-hash - -",
        "journal-chain - -",
      ]);
      for (const events of ["'no list'", "'[1]'", "'[]'"])
        expect(await found(`UPDATE journal SET events = ${events} WHERE g = 3`)).toContain(
          "journal-hash - -",
        );
      const only = (db: Database) => {
        db.run(changed);
        const row = db.query<Row, []>("SELECT * FROM journal WHERE g = 3").get();
        if (row === null) throw new Error("no row");
        const hash = journalHash({ ...row, shard: 0, events: JSON.parse(row.events) });
        db.run("UPDATE journal SET hash = ? WHERE g = 3", [hash]);
      };
      expect(await found(only)).toEqual(["journal-chain - -", "journal-differs 3 3"]);
      expect(await found(changed, rehash(3))).toEqual(["journal-differs 3 3"]);
    });

    test("the last row changed, its hash made anew: the tables tell, or its own events", async () => {
      expect(await found(inEvents(11, ' c"', ' d"'), rehash(11))).toEqual(["journal-differs 2 1"]);
      expect(await found("UPDATE journal SET time = time + 1 WHERE g = 11", rehash(11))).toEqual([
        "journal-differs - -",
      ]);
      expect(await found(inEvents(11, "c 2", "z 2"), rehash(11))).toContain("journal-differs 2 1");
      expect(await found(inEvents(8, '"x ', '"z '), rehash(8))).toContain("journal-differs - -");
    });

    test("a number that no hash can have", async () => {
      for (const time of ["-1", "9223372036854775807"])
        expect(await found(`UPDATE journal SET time = ${time} WHERE g = 4`)).toContain("journal-hash - -");
      expect(await found("UPDATE journal SET g = -1 WHERE g = 0")).toContain("journal-hash - -");
    });

    test("one missing, two swapped, one added", async () => {
      expect(await findings("DELETE FROM journal WHERE g = 4")).toEqual([
        {
          name: "journal-gap",
          account: null,
          seq: null,
          detail: "row 4 is missing in the journal (shard 0)",
        },
        expect.objectContaining({ name: "journal-differs", account: "3", seq: 4 }),
      ]);
      expect(await found("DELETE FROM journal WHERE g = 0")).toContain("journal-gap - -");
      const [gap] = await findings("DELETE FROM journal WHERE g IN (4, 5)");
      expect(gap?.detail).toBe("rows 4 to 5 are missing in the journal (shard 0)");
      expect(await findings("DELETE FROM journal")).toContainEqual({
        name: "journal-cut",
        account: null,
        seq: null,
        detail: "the journal of shard 0 has no row, the books have kept batch 0",
      });
      const moved = (from: number, to: number) => `UPDATE journal SET g = ${to} WHERE g = ${from}`;
      const swapped = await findings(moved(4, 99), moved(5, 4), moved(99, 5));
      expect(new Set(swapped.map(({ name }) => name))).toEqual(
        new Set(["journal-hash", "journal-chain", "journal-differs"]),
      );
      const add = `INSERT INTO journal SELECT 15, time + 1, '["c 3 6 ' || (time + 1) || ' 1 6 1000000 req:new c"]', hash, hash
        FROM journal WHERE g = 14`;
      expect(await found(add, rehash(15))).toEqual(["journal-differs 3 6"]);
      const again = `INSERT INTO journal SELECT 15, old.time, old.events, last.hash, last.hash
        FROM journal AS old, journal AS last WHERE old.g = 11 AND last.g = 14`;
      expect(await found(again, rehash(15))).toEqual(["journal-differs 2 1", "command-doubled 2 1"]);
    });

    test("its tail cut off: the tables know more; with them cut, too, an earlier head tells", async () => {
      const cut = "DELETE FROM journal WHERE g > 4";
      expect(await found(cut)).toContain("journal-differs 3 5");
      const all = [
        cut,
        "DELETE FROM entries WHERE account <> '3' OR seq = 5",
        "UPDATE accounts SET credit_limit = 80000 WHERE account = '2'",
        "DELETE FROM holds",
        "DELETE FROM reversals",
        `DELETE FROM accounts WHERE account = '${opened}'`,
        "DELETE FROM outcomes",
      ];
      expect(await found(...all)).toEqual([]);
      const { findings: since, heads } = await auditFile(path, { since: [head] });
      expect(since).toEqual([
        {
          name: "journal-cut",
          account: null,
          seq: null,
          detail: "the head that was noted is row 14 of shard 0, the journal ends at row 4",
        },
      ]);
      expect(heads).toMatchObject([{ shard: 0, g: 4 }]);
    });

    test("all written anew: an earlier head tells, and one from before the change does not", async () => {
      const rewrite = [
        inEvents(3, "req:3", "req:X"),
        "UPDATE entries SET command = 'req:X' WHERE account = '3' AND seq = 3",
      ];
      expect(await found(...rewrite, rehash(3))).toEqual([]);
      expect(places(await auditFile(path, { since: [head] }))).toEqual(["journal-rewritten - -"]);
      const db = new Database(whole, { readonly: true });
      const at = (g: number) =>
        db.query<JournalHead, [number]>("SELECT 0 AS shard, g, hash FROM journal WHERE g = ?").all(g);
      expect(places(await auditFile(path, { since: at(3) }))).toEqual(["journal-rewritten - -"]);
      expect(places(await auditFile(path, { since: at(2) }))).toEqual([]);
      expect(places(await auditFile(whole, { since: at(7) }))).toEqual([]);
      db.close();
    });

    test("an earlier head of a cluster is refused", async () => {
      for (const since of [[{ ...head, shard: 1 }], [head, { ...head, shard: 1 }], []]) {
        const refused: unknown = await auditFile(whole, { since }).catch((error: unknown) => error);
        expect(refused).toMatchObject({
          exitCode: 2,
          message: expect.stringContaining("of a cluster's journal"),
        });
      }
    });
  });
});
