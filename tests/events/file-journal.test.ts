import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { Store } from "../../src/embedded/store.ts";
import { FileJournal, type Writer } from "../../src/events/file-journal.ts";
import { parseEvent, timeOf } from "../../src/ledger/event.ts";
import { eventually } from "../support/eventually.ts";
import { transact } from "../support/ledger/commands.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { LedgerSource } from "../support/ledger-source.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { type JournalUnderTest, journalSourceSuite } from "./journal-source-suite.ts";

failOnLeaks();

interface FileUnderTest extends JournalUnderTest {
  readonly store: Store;
  /** Writes a row that {@link Store.commit} ends. */
  write(...texts: readonly string[]): void;
}

async function start(writer: Writer): Promise<FileUnderTest> {
  const folder = temporaryFolder();
  const file = join(folder.path, "razonete.db");
  const source = new LedgerSource("");
  source.began = Date.now() * 1000;
  const store = new Store(file, 1, true, null);
  const journal = new FileJournal(file, writer);
  const write = (...texts: readonly string[]): void => {
    const events = source.close(texts).events.map(parseEvent);
    store.begin();
    store.insertJournal(texts, Math.max(...events.map(timeOf)));
    store.keep(events, store.head.g);
  };
  return {
    journal,
    source,
    store,
    write,
    keep: async (...texts) => {
      write(...texts);
      store.commit();
      if (writer === "here") journal.committed();
    },
    [Symbol.asyncDispose]: async () => {
      await journal.close();
      store.close();
      folder[Symbol.dispose]();
    },
  };
}

journalSourceSuite("a data file, in the ledger's process", () => start("here"));
journalSourceSuite("a data file, in another process", () => start("elsewhere"));

test("what is not committed is told by nothing", async () => {
  await using subject = await start("elsewhere");
  const { journal, source, store } = subject;
  subject.write(source.entry("1", 1));
  const place = { shard: 0, g: 1, index: 0 };
  expect((await journal.ends())[0]?.g).toBe(0);
  expect(await journal.rows(0, 0, 10)).toHaveLength(1);
  expect(await journal.hashesAt([place])).toEqual([null]);
  expect(await journal.eventTexts([place])).toEqual([null]);
  store.commit();
  expect(await journal.rows(0, 0, 10)).toHaveLength(2);
});

test("the ledger tells of each commit, and closes its file as the last one", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "razonete.db");
  const journal = new FileJournal(file, "here");
  let commits = 0;
  const onCommitted = (): void => {
    commits += 1;
    journal.committed();
  };
  const ledger = new EmbeddedLedger({ file, onCommitted });
  let calls = 0;
  const stop = journal.onKept(() => (calls += 1));
  await ledger.submit(transact("1", "credit", 5));
  expect(commits).toBe(1);
  await eventually("it is told", () => calls === 1);
  expect((await journal.ends())[0]?.g).toBe(1);
  stop();
  await ledger.submit(transact("1", "credit", 5));
  expect(commits).toBe(2);
  await journal.close();
  await ledger.close();
  expect(calls).toBe(1);
  expect(readdirSync(folder.path).toSorted()).toEqual(["razonete.db", "razonete.db-lock"]);
});

test("a file that nobody has open is read, and nothing is left beside it", async () => {
  using folder = temporaryFolder("a b#c?d");
  const file = join(folder.path, "razonete.db");
  const ledger = new EmbeddedLedger({ file });
  await ledger.submit(transact("1", "credit", 5));
  await ledger.close();
  const before = readdirSync(folder.path);
  const journal = new FileJournal(file, "nowhere");
  expect((await journal.ends())[0]?.g).toBe(1);
  await journal.close();
  expect(readdirSync(folder.path)).toEqual(before);
});

test("a file that is not there is not made", async () => {
  using folder = temporaryFolder();
  const journal = new FileJournal(join(folder.path, "razonete.db"), "elsewhere");
  expect(journal.ends()).rejects.toMatchObject({ name: "LedgerUnavailable", outcome: "none" });
  await journal.close();
  expect(readdirSync(folder.path)).toEqual([]);
});
