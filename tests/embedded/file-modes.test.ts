import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { call } from "../support/api.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(60_000);

test("what it makes is for its user alone: folder, file and log, and a backup", async () => {
  using folder = temporaryFolder();
  const data = join(folder.path, "made/data");
  await using server = await startServer({ data });
  expect((await call(server.url, "POST", "/v1/accounts", { id: "a", unit: "BRL/2" })).status).toBe(201);
  const main = join(import.meta.dir, "../../src/cli/main.ts");
  const command = [process.execPath, main, "backup", "--data", data, "--to", join(folder.path, "copy.db")];
  const backup = Bun.spawn(command, { stdio: ["ignore", "ignore", "pipe"] });
  expect([await backup.exited, await backup.stderr.text()]).toEqual([0, ""]);
  const made = readdirSync(folder.path, { recursive: true, encoding: "utf8" });
  expect(made).toEqual(expect.arrayContaining(["made/data/razonete.db-wal", "copy.db"]));
  expect(made.filter((path) => (statSync(join(folder.path, path)).mode & 0o077) !== 0)).toEqual([]);
});
