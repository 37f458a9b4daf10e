import { expect, test } from "bun:test";
import { existsSync, lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { FileJournal } from "../../src/events/file-journal.ts";
import { transact } from "../support/ledger/commands.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { exportSuite, runExport } from "./export-suite.ts";

failOnLeaks();

exportSuite("a data file", async () => {
  const folder = temporaryFolder();
  const file = join(folder.path, "razonete.db");
  // Half an hour later each time, so that there are many days.
  let now = Date.UTC(2024, 1, 27) * 1000;
  const ledger = new EmbeddedLedger({ file, clock: () => (now += 1_800_000_000) });
  const journal = new FileJournal(file, "here");
  return {
    ledger,
    journal,
    kept: async () => {},
    command: (...flags) => runExport({}, "--data", dirname(file), ...flags),
    [Symbol.asyncDispose]: async () => {
      await journal.close();
      await ledger.close();
      folder[Symbol.dispose]();
    },
  };
});

test("a file that nobody has open is exported, and nothing is left beside it", async () => {
  using folder = temporaryFolder();
  const ledger = new EmbeddedLedger({ file: join(folder.path, "razonete.db") });
  await ledger.submit(transact("1", "credit", 7));
  await ledger.close();
  const before = readdirSync(folder.path);
  const { exitCode, stdout } = runExport({}, "--data", folder.path, "--format", "csv");
  expect([exitCode, stdout.split("\r\n").length]).toEqual([0, 3]);
  expect(readdirSync(folder.path)).toEqual(before);
});

test("without a format, or with one that there is not: which there are", () => {
  const named = "csv, jsonl, ledger, hledger, beancount.\n";
  for (const flags of [[], ["--format", "xml"]]) {
    const { exitCode, stderr } = runExport({}, ...flags);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(named)]);
  }
});

test("whoever stops reading ends it without a word", async () => {
  using folder = temporaryFolder();
  const ledger = new EmbeddedLedger({ file: join(folder.path, "razonete.db") });
  await Promise.all(Array.from({ length: 5_000 }, () => ledger.submit(transact("1", "credit", 1))));
  await ledger.close();
  const main = join(import.meta.dir, "../../src/cli/main.ts");
  const line = `set -o pipefail; '${process.execPath}' '${main}' export --format jsonl --data '${folder.path}' | head -n 1`;
  const { exitCode, stdout, stderr } = Bun.spawnSync(["bash", "-c", line], { stderr: "pipe" });
  expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  expect(stdout.toString()).toContain('"type":"account.opened"');
});

test("what is no ledger is refused, and a file that is there stays as it was", () => {
  using folder = temporaryFolder();
  const to = join(folder.path, "kept.csv");
  writeFileSync(to, "as it was");
  const none = runExport({}, "--data", folder.path, "--format", "csv", "--to", to);
  expect([none.exitCode, none.stderr]).toEqual([1, expect.stringContaining("there is no data file")]);
  writeFileSync(join(folder.path, "razonete.db"), "something else".repeat(20));
  const other = runExport({}, "--data", folder.path, "--format", "csv", "--to", to);
  expect([other.exitCode, other.stderr]).toEqual([1, expect.stringContaining("damaged")]);
  expect(readFileSync(to, "utf8")).toBe("as it was");
});

test("an export that breaks off leaves no file", async () => {
  using folder = temporaryFolder();
  const ledger = new EmbeddedLedger({ file: join(folder.path, "razonete.db") });
  await ledger.close();
  const to = join(folder.path, "out.csv");
  const flags = ["--data", folder.path, "--format", "csv", "--to", to];
  expect(runExport({}, ...flags, "--since", "AQEBAAAAAA").exitCode).toBe(1);
  expect(readdirSync(folder.path).filter((name) => name.startsWith("out"))).toEqual([]);
  const away = runExport({}, ...flags.slice(0, -1), join(folder.path, "nowhere/out.csv"));
  expect([away.exitCode, away.stderr]).toEqual([1, expect.stringContaining("name another file with --to")]);
  expect(runExport({}, ...flags).exitCode).toBe(0);
  expect(existsSync(to)).toBe(true);
});

test("what exists is never replaced, least of all a file of the ledger's own; nor is such a one made", async () => {
  using folder = temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const ledger = new EmbeddedLedger({ file: at("razonete.db") });
  await ledger.submit(transact("1", "credit", 7));
  await ledger.close();
  writeFileSync(at("kept.csv"), "as it was");
  symlinkSync(at("kept.csv"), at("link.csv"));
  symlinkSync(at("nothing.csv"), at("dangling.csv"));
  symlinkSync(folder.path, at("same"));
  const before = contents(folder.path);
  for (const [to, about] of [
    ["razonete.db", "exists already: give another --to, or remove it first"],
    ["kept.csv", "exists already"],
    ["link.csv", "exists already"],
    ["dangling.csv", "exists already"],
    [".", "exists already"],
    ["razonete.db-wal", "is a name of the ledger's own: give another --to"],
    ["same/razonete.db-hooks", "is a name of the ledger's own"],
  ] as const) {
    const { exitCode, stderr } = runExport({}, "--data", folder.path, "--format", "csv", "--to", at(to));
    expect([to, exitCode, stderr]).toEqual([
      to,
      1,
      expect.stringMatching(new RegExp(`^razonete: .*${about}.*\\n$`)),
    ]);
  }
  expect(contents(folder.path)).toEqual(before);
}, 60_000);

test("a pipe is written into, by its name or by a link's, and stays; so is standard output", async () => {
  using folder = temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const ledger = new EmbeddedLedger({ file: at("razonete.db") });
  await ledger.submit(transact("1", "credit", 7));
  await ledger.close();
  const flags = ["--data", folder.path, "--format", "csv"];
  const { stdout } = runExport({}, ...flags);
  expect(stdout.split("\r\n")).toHaveLength(3);
  expect(Bun.spawnSync(["mkfifo", at("pipe")]).exitCode).toBe(0);
  symlinkSync(at("pipe"), at("link"));
  for (const name of ["pipe", "link"]) {
    const reader = Bun.spawn(["cat", at("pipe")], { stdout: "pipe" });
    const { exitCode } = runExport({}, ...flags, "--to", at(name));
    if (exitCode !== 0) reader.kill();
    expect([name, exitCode]).toEqual([name, 0]);
    if (!lstatSync(at("pipe")).isFIFO()) reader.kill();
    expect(await new Response(reader.stdout).text()).toBe(stdout);
  }
  expect(runExport({}, ...flags, "--to", "/proc/self/fd/1")).toMatchObject({ exitCode: 0, stdout });
  expect([lstatSync(at("pipe")).isFIFO(), lstatSync(at("link")).isSymbolicLink()]).toEqual([true, true]);
}, 60_000);

function contents(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder, { withFileTypes: true }).map((entry) => [
      entry.name,
      entry.isFile() ? readFileSync(join(folder, entry.name), "latin1") : "",
    ]),
  );
}
