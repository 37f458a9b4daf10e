import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exportEvents } from "../../src/export/export-events.ts";
import { type FormatName, FORMATS } from "../../src/export/export-format.ts";
import { formatNamed } from "../../src/export/formats.ts";
import type { JournalSource } from "../../src/events/journal-source.ts";
import { accountJson, createdTransactionJson, decidedHoldJson } from "../../src/http/v1/json.ts";
import type { Account, AccountId } from "../../src/ledger/account.ts";
import type { Ledger, Result } from "../../src/ledger/ledger.ts";
import { transact } from "../support/ledger/commands.ts";
import { Random, testSeed } from "../support/random.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { programsMissing, type ReadBalances, READERS, run } from "../support/servers/accounting-programs.ts";
import { allAccounts, fillAtRandom } from "./support/random-ledger.ts";

export interface ExportedLedger extends AsyncDisposable {
  readonly ledger: Ledger;
  readonly journal: JournalSource;
  /** Until the journal has all that was answered. */
  kept(): Promise<void>;
  /** `razonete export` with these flags. */
  command(...flags: readonly string[]): { exitCode: number; stdout: string; stderr: string };
}

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
const COMMANDS = 400;

export function runExport(environment: Readonly<Record<string, string>>, ...flags: readonly string[]) {
  const env = { PATH: process.env["PATH"] ?? "", ...environment };
  const command = [process.execPath, MAIN, "export", ...flags];
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { env, stderr: "pipe" });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

/** Exports of a ledger that was used at random, read by the programs that they are for. */
export function exportSuite(name: string, start: () => Promise<ExportedLedger>): void {
  const seed = testSeed();
  describe(`exports of ${name} (TEST_SEED=${seed})`, () => {
    const random = new Random(seed);
    let folder: TemporaryFolder;
    let subject: ExportedLedger;
    let accounts: readonly Account[];
    let answers: readonly Result[];

    beforeAll(async () => {
      folder = temporaryFolder("export");
      subject = await start();
      answers = await fillAtRandom(subject.ledger, random, COMMANDS);
      await subject.kept();
      accounts = await allAccounts(subject.ledger);
    }, 120_000);
    afterAll(async () => {
      await subject[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    });

    async function exported(format: FormatName, since?: string): Promise<string> {
      let text = "";
      await exportEvents(subject.journal, since, formatNamed(format, subject.journal), (piece) => {
        text += piece;
      });
      return text;
    }

    async function lines(since?: string): Promise<readonly string[]> {
      return (await exported("jsonl", since)).split("\n").slice(0, -1);
    }

    function cursorOf(line: string | undefined): string {
      return String(JSON.parse(line ?? "{}").cursor);
    }

    function written(file: string, text: string): string {
      const path = join(folder.path, file);
      writeFileSync(path, text);
      return path;
    }

    test("the run has all that an export could stumble over", async () => {
      const types = new Set((await lines()).map((line) => String(JSON.parse(line).type)));
      for (const type of ["account.opened", "hold.captured", "hold.created", "hold.released"])
        expect(types).toContain(type);
      expect(accounts.length).toBeGreaterThan(25);
      const balances = accounts.map(({ balance }) => balance);
      expect([Math.max(...balances) > 2 ** 52, Math.min(...balances) < -(2 ** 52)]).toEqual([true, true]);
    });

    test("jsonl has of each command what it was answered", async () => {
      const events = (await lines()).map((line) => JSON.parse(line));
      const told = new Map<string, { readonly accounts?: object }>();
      for (const { type, data } of events) {
        // One across shards comes once for each, with the accounts of that shard.
        const before = told.get(`${type} ${data.id}`)?.accounts;
        const all = before === undefined ? {} : { accounts: { ...before, ...data.accounts } };
        told.set(`${type} ${data.id}`, { ...data, ...all });
      }
      const types = new Set<string>();
      for (const answer of answers) {
        const { type, data } = eventOf(answer);
        types.add(type);
        expect([type, told.get(`${type} ${String(data["id"])}`)]).toEqual([type, data]);
      }
      expect(types.size).toBe(5);
    });

    for (const [program, { format, read }] of Object.entries(READERS)) {
      test.skipIf(programsMissing !== null)(
        `${program} has the ledger's balances${programsMissing === null ? "" : ` (${programsMissing})`}`,
        async () => {
          const file = written(`whole.${program}`, await exported(format));
          expectBalances(read(file), accounts, format);
        },
        60_000,
      );

      test.skipIf(programsMissing !== null)(
        `${program} has them, too, where the export begins at any cursor, or time`,
        async () => {
          const all = await lines();
          const times = program === "ledger" ? 20 : 5;
          for (let round = 0; round < times; round += 1) {
            const event = JSON.parse(random.pick(all));
            const since = round % 4 === 3 ? String(event.at) : String(event.cursor);
            const file = written(`since.${program}`, await exported(format, since));
            expectBalances(read(file), accounts, format);
          }
          const file = written(`end.${program}`, await exported(format, cursorOf(all.at(-1))));
          expectBalances(read(file), accounts, format);
        },
        120_000,
      );
    }

    test.skipIf(programsMissing !== null)(
      "hledger reads each description and each reference, and nothing of them as anything else",
      async () => {
        const file = written("texts.ledger", await exported("ledger"));
        const told = (...query: readonly string[]) => [
          ...new Set(
            run("hledger", "-f", file, ...query)
              .split("\n")
              .filter(Boolean),
          ),
        ];
        const transactions = (await lines())
          .map((line) => JSON.parse(line))
          .flatMap(({ type, data }) => {
            if (type === "transaction.created") return [data];
            return type === "hold.captured" && data.postings.length > 0 ? [data] : [];
          });
        const texts = (values: readonly unknown[]) => [
          ...new Set(values.filter((value) => value !== null && value !== "").map(String)),
        ];
        const descriptions = transactions.map(({ description }) =>
          String(description ?? "")
            .split(";")
            .join(",")
            .split(/[\s\p{Cc}]+/u)
            .join(" ")
            .trim(),
        );
        expect(told("descriptions").toSorted(byText)).toEqual(texts(descriptions).toSorted(byText));
        const references = transactions.map(({ reference }) =>
          reference === null
            ? null
            : encodeURI(String(reference))
                .replaceAll(",", "%2C")
                .replaceAll("%22", '"')
                .replaceAll("%5C", "\\"),
        );
        const found = told("tags", "reference", "--values");
        expect(found.toSorted(byText)).toEqual(texts(references).toSorted(byText));
      },
    );

    test.skipIf(programsMissing !== null)(
      `Python reads the csv: each account's entries without a gap, each balance the one before and the amount`,
      async () => {
        const file = written("all.csv", await exported("csv"));
        const script = `
import csv, json, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="", encoding="utf-8"), strict=True))
print(json.dumps(rows))`;
        const rows: Record<string, string>[] = JSON.parse(run("python3", "-c", script, file));
        const found = new Map<AccountId, { seq: number; balance: number }>();
        for (const row of rows) {
          const { account = "", seq, amount, balance } = row;
          const before = found.get(account) ?? { seq: 0, balance: 0 };
          expect(Number(seq)).toBe(before.seq + 1);
          expect(Number(balance)).toBe(before.balance + Number(amount));
          expect(row["unit"]).toBe(accounts.find(({ id }) => id === account)?.unit ?? "");
          found.set(account, { seq: Number(seq), balance: Number(balance) });
        }
        for (const { id, seq, balance } of accounts)
          expect([id, found.get(id) ?? { seq: 0, balance: 0 }]).toEqual([id, { seq, balance }]);
        const texts = rows.flatMap((row) => [row["description"] ?? "", row["reference"] ?? ""]);
        expect(texts.filter((text) => /^[=+\-@\t\r\n\uFF1D]/.test(text))).toEqual([]);
        for (const text of ["'=1+1", "'\n=1+1", "'\uFF1D1+1"]) expect(texts).toContain(text);
      },
      60_000,
    );

    test("jsonl goes on at any cursor with just what is behind it, and at the last one with nothing", async () => {
      const all = await lines();
      expect(all.length).toBeGreaterThan(COMMANDS / 4);
      for (let round = 0; round < 20; round += 1) {
        const index = random.integer(0, all.length - 1);
        expect(await lines(cursorOf(all[index]))).toEqual(all.slice(index + 1));
      }
      expect(await lines(cursorOf(all.at(-1)))).toEqual([]);
    });

    test("jsonl from a time begins, in each shard, with the first event that is not before it, and csv with its entries", async () => {
      const all = await lines();
      const at = (line: string): string => String(JSON.parse(line).at);
      const idsOf = (some: readonly string[]) => some.map((line) => String(JSON.parse(line).id));
      const shardIn = (id: string): string => id.slice(0, id.indexOf("-"));
      for (let round = 0; round < 10; round += 1) {
        const since = at(random.pick(all));
        // Within a batch an account may be a microsecond ahead of the next one.
        const begun = new Set<string>();
        const expected = all.filter((line) => {
          const shard = shardIn(String(JSON.parse(line).id));
          if (at(line) >= since) begun.add(shard);
          return begun.has(shard);
        });
        expect(idsOf(await lines(since)).toSorted()).toEqual(idsOf(expected).toSorted());
      }
      expect(await lines("2999-01-01T00:00:00Z")).toEqual([]);
      expect((await exported("csv", "2999-01-01T00:00:00Z")).split("\r\n")).toHaveLength(2);
    });

    test("while the ledger is used an export ends, and is the beginning of the next one", async () => {
      const over = new AbortController();
      const load = (async () => {
        while (!over.signal.aborted)
          await Promise.all(["1", "2", "3"].map((id) => subject.ledger.submit(transact(id, "credit", 1))));
      })();
      const first = await exported("csv");
      const second = await exported("csv");
      over.abort();
      await load;
      await subject.kept();
      const third = await exported("csv");
      // Rows of several shards are merged by their times, so of those that come together the order may change.
      const whole = new Set(third.split("\r\n"));
      for (const text of [first, second])
        expect(text.split("\r\n").filter((line) => !whole.has(line))).toEqual([]);
      expect(third.length).toBeGreaterThan(first.length);
      accounts = await allAccounts(subject.ledger);
    });

    test("the command writes each format, and says the cursor to go on with", async () => {
      for (const format of FORMATS) {
        const { exitCode, stdout, stderr } = subject.command("--format", format);
        expect([exitCode, stdout]).toEqual([0, await exported(format)]);
        const [, cursor = ""] = /go on with --since (\S+)\n$/.exec(stderr) ?? [];
        expect(await lines(cursor)).toEqual([]);
      }
      const to = join(folder.path, "out.csv");
      const { exitCode, stdout } = subject.command("--format", "csv", "--to", to);
      expect([exitCode, stdout, readFileSync(to, "utf8")]).toEqual([0, "", await exported("csv")]);
    }, 60_000);

    test("what is no place in this ledger is refused in one sentence", async () => {
      const refusals = [
        ["yesterday", "--since must be a cursor, as the last line of an export in jsonl has it, or a time"],
        ["AQEBAAAAAA", "the ledger does not have what the cursor of --since was made of|has other shards"],
        [`AQ${"EBAAAAAA".repeat(9)}`, "the cursor of --since is of another ledger|must be a cursor"],
      ] as const;
      for (const [since, about] of refusals) {
        const { exitCode, stdout, stderr } = subject.command("--format", "csv", "--since", since);
        expect([exitCode, stdout]).toEqual([1, expect.stringMatching(/^(time,.*\r\n)?$/)]);
        expect(stderr).toMatch(new RegExp(`^razonete: .*(${about}).*\\n$`));
      }
    }, 60_000);
  });
}

/** What the event of a command has to be, as docs/api.md says it of the command's answer. */
function eventOf(answer: Result): { readonly type: string; readonly data: Record<string, unknown> } {
  switch (answer.type) {
    case "entry":
      throw new Error("the contest's answers have no more than a balance");
    case "account":
      return { type: "account.opened", data: JSON.parse(accountJson(answer.account)) };
    case "transaction": {
      const json = createdTransactionJson(answer.transaction, answer.accounts);
      return { type: "transaction.created", data: JSON.parse(json) };
    }
    case "hold": {
      const { account, ...data } = JSON.parse(decidedHoldJson(answer.hold, answer.account));
      const type = answer.hold.state === "open" ? "hold.created" : `hold.${answer.hold.state}`;
      if (type !== "hold.captured") return { type, data: { ...data, accounts: { [account.id]: account } } };
      // The accounts that it pays are in its event alone.
      const accounts = expect.objectContaining({ [account.id]: account });
      return { type, data: { ...data, accounts, postings: expect.any(Array) } };
    }
  }
}

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}

/** The same accounts, each with as much, in a unit that has another name than all others. */
function expectBalances(
  found: ReadBalances,
  accounts: readonly Account[],
  format: "ledger" | "beancount",
): void {
  const expected = accounts.flatMap(({ id, unit, balance }) =>
    balance === 0 ? [] : [[nameIn(format, id), { unit, balance }] as const],
  );
  const digits = new Map([...found].map(([account, read]) => [account, scaled(read, expected, account)]));
  expect(Object.fromEntries(digits)).toEqual(
    Object.fromEntries(expected.map(([account, { balance }]) => [account, String(balance)])),
  );
  const pairs = new Set(
    expected.map(([account, { unit }]) => `${unit} = ${found.get(account)?.commodity ?? "nothing"}`),
  );
  const units = new Set(expected.map(([, { unit }]) => unit));
  const commodities = new Set([...found.values()].map(({ commodity }) => commodity));
  expect([pairs.size, commodities.size]).toEqual([units.size, units.size]);
}

/** In the smallest part of the unit. A program may leave out zeros at the end. */
function scaled(
  { digits, decimals }: { digits: bigint; decimals: number },
  expected: readonly (readonly [string, { readonly unit: string }])[],
  account: string,
): string {
  const unit = expected.find(([name]) => name === account)?.[1].unit ?? "";
  return String(digits * 10n ** BigInt(Number(unit.split("/")[1] ?? 0) - decimals));
}

/** As the documentation of the format has it, and not by what the export uses. */
function nameIn(format: "ledger" | "beancount", id: AccountId): string {
  if (format === "ledger") return `Accounts:${encodeURIComponent(id)}`;
  const name = Array.from(id, (character) =>
    /[A-Za-z0-9]/.test(character) ? character : `-${character.codePointAt(0)?.toString(16)}`,
  );
  return `Assets:Razonete:A${name.join("")}`;
}
