import { expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../tests/support/temporary-folder.ts";
import { createSchema } from "./create-schema.ts";
import { inspectDataFile } from "./data-file.ts";
import { renewLink } from "./log-link.ts";

test("killed after the first transaction of a new file, before any of it was moved into the file: file and log belong together", () => {
  using folder = temporaryFolder();
  const [file, found] = [join(folder.path, "new.db"), join(folder.path, "found.db")];
  using db = new Database(file, { create: true, strict: true });
  createSchema(db, () => {});
  db.run("PRAGMA journal_mode = WAL");
  // As long as somebody reads what was before, nothing is moved.
  using reader = new Database(file, { readonly: true });
  reader.run("BEGIN");
  reader.query("SELECT * FROM log_link").get();
  renewLink(db);
  for (const ending of ["", "-wal"]) copyFileSync(`${file}${ending}`, `${found}${ending}`);
  expect(inspectDataFile(found)).toEqual({ type: "ledger" });
});
