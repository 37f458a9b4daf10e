import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { auditFile } from "../../src/audit/embedded/audit-file.ts";
import { EmbeddedLedger, type EmbeddedLedgerOptions } from "../../src/embedded/embedded-ledger.ts";
import type { Command } from "../../src/ledger/command.ts";
import { type LedgerEvent, parseEvent } from "../../src/ledger/event.ts";
import type { Outcome } from "../../src/ledger/ledger.ts";
import { eventId } from "../../src/ledger/event-id.ts";
import {
  accepted,
  capture,
  change,
  held,
  hold,
  moved,
  open,
  refused,
  release,
  resultOf,
  reversal,
  transact,
  transaction,
} from "../support/ledger/commands.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const LEDGER = join(import.meta.dir, "../../src/embedded/embedded-ledger.ts");
const NOW = 1_767_225_600_000_000;
const seed = testSeed();

function start(folder: string, options: Omit<EmbeddedLedgerOptions, "file"> = {}): EmbeddedLedger {
  return new EmbeddedLedger({ file: join(folder, "razonete.db"), ...options });
}

/** All events of the journal, with the ids that they have. */
function eventsIn(folder: string): { readonly event: LedgerEvent; readonly hold: string }[] {
  using db = new Database(join(folder, "razonete.db"), { readonly: true });
  return db
    .query<{ g: number; events: string }, []>("SELECT g, events FROM journal ORDER BY g")
    .all()
    .flatMap(({ g, events }) => {
      const texts: string[] = JSON.parse(events);
      return texts.map(parseEvent).map((event, index) => ({
        event,
        hold: event.type === "hold" ? eventId("h", 0, g, index, event.time) : "",
      }));
    });
}

/** What ended each hold. */
function endsIn(folder: string): Map<string, string[]> {
  const ends = new Map<string, string[]>();
  for (const { event, hold: made } of eventsIn(folder)) {
    if (event.type === "hold") ends.set(made, []);
    if (event.type === "capture" || event.type === "release" || event.type === "expiry")
      ends.get(event.hold)?.push(event.type);
  }
  return ends;
}

async function expectAgreed(folder: string): Promise<void> {
  expect((await auditFile(join(folder, "razonete.db"))).findings).toEqual([]);
}

describe(`money that moves in a data file (seed ${seed})`, () => {
  test("all outcomes are known under their keys after a restart", async () => {
    using folder = temporaryFolder();
    const ledger = start(folder.path);
    const done: [Command, Outcome][] = [];
    const submit = async (command: Command) => {
      const outcome = await ledger.submit(command);
      done.push([command, outcome]);
      return outcome;
    };
    const opened = accepted(await submit(open(7, { id: "key:open", name: "x", metadata: { a: "b" } })));
    await submit(change(opened.id, { id: "key:change", name: null, creditLimit: 8 }));
    const { id } = moved(
      await submit(transaction([["@world", opened.id, 50]], { id: "key:in", reference: "r" })),
    ).transaction;
    const made = held(await submit(hold(opened.id, 20, { id: "key:hold", description: "d" })));
    await submit(transact(opened.id, "debit", 5, "key:debit"));
    await submit(capture(made.id, { id: "key:capture", amount: 4, to: "1" }));
    await submit(release(made.id, "key:late"));
    await submit(transact("1", "credit", 5, "key:credit"));
    await submit(reversal(id, { id: "key:back" }));
    await ledger.submitAll([hold("1", 1, { id: "bat:k.0" }), transact("2", "debit", 99_999, "bat:k.1")]);
    await ledger.close();
    await expectAgreed(folder.path);
    const again = start(folder.path);
    for (const [command, outcome] of done)
      expect(await again.submit(command)).toEqual({ ...outcome, replayed: true });
    expect(await again.submit(transact("2", "debit", 99_999, "bat:k.1"))).toEqual(
      refused("limit-exceeded", { account: "2" }, true),
    );
    expect(await again.submit(hold("1", 1, { id: "bat:k.0" }))).toMatchObject({ replayed: false });
    await again.close();
  });

  test("its time goes on from the journal's last one, if the clock was put back between", async () => {
    using folder = temporaryFolder();
    let now = NOW;
    const ledger = start(folder.path, { clock: () => now });
    accepted(await ledger.submit(transact("1", "credit", 5)));
    now = NOW + 10_000_000;
    const made = held(await ledger.submit(hold("1", 5, { expiresInSeconds: 60 })));
    await ledger.close();
    now = NOW - 3600_000_000;
    const again = start(folder.path, { clock: () => now });
    const { time } = moved(await again.submit(transaction([["@world", "1", 5]]))).transaction;
    expect(time).toBe(NOW + 10_000_000);
    expect((await again.statement("1"))?.readAt).toBeGreaterThanOrEqual(time);
    now = made.expiresAt - 1;
    expect(await again.hold(made.id)).toMatchObject({ state: "open" });
    now = made.expiresAt;
    expect(await again.hold(made.id)).toMatchObject({ state: "expired" });
    await again.close();
    const rows = eventsIn(folder.path).map(({ event }) =>
      event.type === "entry" ? event.entry.time : event.time,
    );
    expect(rows).toEqual(rows.toSorted((a, b) => a - b));
    await expectAgreed(folder.path);
  });

  test("a hold that is due ends within 2 s where nobody asks, also one from before the start", async () => {
    using folder = temporaryFolder();
    const ledger = start(folder.path);
    for (let count = 0; count < 450; count += 1) await ledger.submit(hold("1", 1, { expiresInSeconds: 1 }));
    const areOpen = () => [...endsIn(folder.path).values()].some((ends) => ends.length === 0);
    // By turns of this process, which is the ledger's own: where it stands still, neither goes on.
    for (let turn = 0; turn < 125 && areOpen(); turn += 1) await Bun.sleep(20);
    expect(new Set([...endsIn(folder.path).values()].map(String))).toEqual(new Set(["expiry"]));
    await ledger.submit(hold("1", 1, { expiresInSeconds: 1 }));
    await ledger.close();
    expect([...endsIn(folder.path).values()].filter((ends) => ends.length === 0)).toHaveLength(1);
    const again = start(folder.path);
    await eventually("it has ended", () =>
      [...endsIn(folder.path).values()].every((ends) => ends.length === 1),
    );
    expect(await again.account("1")).toMatchObject({ held: 0 });
    await again.close();
    await expectAgreed(folder.path);
  });

  test("killed at any moment, no hold ends twice, and all end", async () => {
    using folder = temporaryFolder();
    const random = new Random(seed);
    const program = `
      import { EmbeddedLedger } from ${JSON.stringify(LEDGER)};
      const ledger = new EmbeddedLedger({ file: ${JSON.stringify(join(folder.path, "razonete.db"))} });
      let count = 0;
      const id = () => \`req:\${process.pid}-\${(count += 1)}\`;
      const details = { description: null, reference: null, metadata: {} };
      for (let round = 0; ; round += 1) {
        const made = await Promise.all(Array.from({ length: 50 }, (_, index) => ledger.submit(
          { type: "hold", id: id(), from: "3", to: "@world", amount: 1, expiresInSeconds: 1, ...details })));
        await Promise.all(made.slice(0, 20).map(({ result }, index) => ledger.submit(index % 2 === 0
          ? { type: "release", id: id(), hold: result.hold.id }
          : { type: "capture", id: id(), hold: result.hold.id, amount: 1, to: "1", parts: null })));
        await Bun.sleep(20);
      }`;
    for (let round = 0; round < 8; round += 1) {
      const child = Bun.spawn([process.execPath, "-e", program], { stdio: ["ignore", "inherit", "inherit"] });
      await Bun.sleep(random.integer(300, 1500));
      child.kill("SIGKILL");
      await child.exited;
    }
    const ledger = start(folder.path);
    await eventually("all have ended", async () => (await ledger.account("3"))?.held === 0);
    await ledger.close();
    const ends = [...endsIn(folder.path).values()];
    expect(ends.length).toBeGreaterThan(100);
    expect(ends.filter((one) => one.length !== 1)).toEqual([]);
    expect(new Set(ends.flat())).toEqual(new Set(["capture", "release", "expiry"]));
    await expectAgreed(folder.path);
  });

  test("what could not be written is not in memory either: a hold, a group, an end", async () => {
    using folder = temporaryFolder();
    let now = NOW;
    const ledger = start(folder.path, { clock: () => now });
    const made = held(await ledger.submit(hold("1", 5, { expiresInSeconds: 5 })));
    using other = new Database(join(folder.path, "razonete.db"));
    const fails = async (command: Promise<unknown>): Promise<void> => {
      const failed: unknown = await command.catch((error: unknown) => error);
      expect(failed).toMatchObject({ name: "LedgerUnavailable", outcome: "none" });
    };
    const failing = "BEFORE INSERT ON journal BEGIN SELECT RAISE(FAIL, 'no'); END";
    other.run(`CREATE TRIGGER fails ${failing}`);
    await fails(ledger.submit(hold("1", 7, { expiresInSeconds: 1 })));
    await fails(ledger.submit(capture(made.id)));
    await fails(ledger.submitAll([transact("2", "credit", 1), hold("2", 1)]));
    now += 10_000_000;
    await fails(ledger.submit(transact("2", "credit", 1)));
    // A read goes on even so.
    expect(await ledger.hold(made.id)).toMatchObject({ state: "open" });
    expect(await ledger.account("2")).toMatchObject({ seq: 0, held: 0 });
    other.run("DROP TRIGGER fails");
    expect(await ledger.hold(made.id)).toMatchObject({ state: "expired" });
    expect(await ledger.account("1")).toMatchObject({ held: 0, seq: 0 });
    resultOf(await ledger.submit(transact("2", "credit", 1)));
    await ledger.close();
    await expectAgreed(folder.path);
  });

  test("a new file may begin without the contest's accounts", async () => {
    using folder = temporaryFolder();
    const ledger = start(folder.path, { initialAccounts: false });
    expect(await ledger.account("1")).toBeNull();
    expect(await ledger.totals()).toEqual({ accounts: 0, transactions: 0, units: [], lagMilliseconds: 0 });
    accepted(await ledger.submit(open(5, { account: "1" })));
    await ledger.close();
    await expectAgreed(folder.path);
    // The choice is that of the file.
    const again = start(folder.path);
    expect(await again.account("1")).toMatchObject({ creditLimit: 5 });
    expect(await again.account("2")).toBeNull();
    await again.close();
  });

  test("a list reads until its page is full, however many rows are not asked for", async () => {
    using folder = temporaryFolder();
    const ledger = start(folder.path);
    const openings = Array.from({ length: 2_000 }, (_, index) =>
      ledger.submit(
        open(0, { account: `a${String(index).padStart(5, "0")}`, metadata: { n: String(index) } }),
      ),
    );
    await Promise.all(openings);
    const filter = {
      idBeginning: "",
      unit: null,
      state: null,
      name: null,
      balanceLessThan: null,
      balanceGreaterThan: null,
      order: "id",
    } as const;
    const { items, next } = await ledger.accounts(
      { ...filter, metadata: { n: "1999" } },
      { count: 1, after: null },
    );
    expect(items.map(({ id }) => id)).toEqual(["a01999"]);
    expect(next).toBeNull();
    const all = { idBeginning: "", reference: null, account: null, fromTime: null, beforeTime: null };
    accepted(await ledger.submit(transact("1", "credit", 1)));
    for (let index = 0; index < 60; index += 1) await ledger.submit(change("1", { name: String(index) }));
    expect((await ledger.transactions(all, { count: 5, after: null })).items).toHaveLength(1);
    await ledger.close();
  });
});
