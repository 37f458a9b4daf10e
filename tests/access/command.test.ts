import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { BookKeys } from "../../src/access/book-keys.ts";
import { KeyFile } from "../../src/access/key-file.ts";
import { hashOf } from "../../src/access/token.ts";
import { SOURCE_PROGRAM } from "../../src/build/programs.ts";
import { migrate } from "../../src/keep/migrate.ts";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { razonete } from "./support/razonete.ts";

/** `razonete keys`, as a person or a script calls it. */

failOnLeaks();
setDefaultTimeout(60_000);

const made = z.strictObject({
  name: z.string(),
  scopes: z.array(z.string()),
  accounts: z.string(),
  rate: z.nullable(z.int()),
  created_at: z.iso.datetime(),
  expires_at: z.nullable(z.iso.datetime()),
  revoked_at: z.null(),
  key: z.string(),
});

describe("on a data file that is not there yet", () => {
  const folder = temporaryFolder();
  const data = join(folder.path, "data");
  afterAll(() => folder[Symbol.dispose]());

  const keys = (...args: readonly string[]) => razonete(["keys", ...args, "--data", data]);

  test("no keys at first; looking changes nothing", () => {
    expect(keys("list")).toEqual({
      exitCode: 0,
      stdout: `No access key was made for ${data}/razonete.db.\n`,
      stderr: "",
    });
    expect(JSON.parse(keys("list", "--json").stdout)).toEqual({ keys: [] });
    expect(keys("revoke", "shop")).toMatchObject({ exitCode: 1, stdout: "" });
    expect(existsSync(data)).toBe(false);
  });

  test("one is made, shown once, and kept as its hash", async () => {
    const { exitCode, stdout, stderr } = keys(
      "create",
      "--name",
      "shop",
      "--scopes",
      "transactions:write,accounts:read",
      "--accounts",
      "acme:*",
      "--expires",
      "90d",
      "--rate",
      "500",
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const [token = ""] = /rz_[\w-]{43}/.exec(stdout) ?? [];
    expect(stdout.split(token)).toHaveLength(2);
    expect(stdout).toMatch(
      /\n\nscopes {4}accounts:read, transactions:write\naccounts {2}those that begin with acme:\n/,
    );
    const [key] = await new KeyFile(join(data, "razonete.db-keys")).list();
    expect(key).toMatchObject({ name: "shop", hash: hashOf(token), accounts: "acme:", rate: 500 });
    expect((key?.expiresAt ?? 0) - (key?.createdAt ?? 0)).toBe(90 * 86_400_000_000);
  });

  test("as JSON", () => {
    const created = made.parse(
      JSON.parse(keys("create", "--name", "all", "--scopes", "admin", "--json").stdout),
    );
    expect(created).toMatchObject({
      name: "all",
      scopes: ["admin"],
      accounts: "*",
      rate: null,
      expires_at: null,
    });
    const { key, ...listed } = created;
    expect(key).toMatch(/^rz_[\w-]{43}$/);
    const list = keys("list", "--json").stdout;
    expect(JSON.parse(list).keys[1]).toEqual(listed);
    expect(list).not.toContain(hashOf(key));
  });

  test("a name that was used: one sentence, also after it was revoked", () => {
    const again = () => keys("create", "--name", "shop", "--scopes", "admin");
    const refused = {
      exitCode: 1,
      stdout: "",
      stderr: `razonete: ${data}/razonete.db has had an access key named shop, and a name is never used again: give another --name.\n`,
    };
    expect(again()).toEqual(refused);
    expect(keys("revoke", "shop")).toEqual({
      exitCode: 0,
      stdout: "Revoked shop: every server refuses it within 5 s.\n",
      stderr: "",
    });
    expect(again()).toEqual(refused);
    expect(keys("revoke", "shop").stdout).toMatch(/^shop was revoked before, \S+Z\.\n$/);
  });

  test("the list has all of them, for a person", () => {
    const lines = keys("list").stdout.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^name {2}state +accounts +rate +made +scopes$/);
    expect(lines[1]).toMatch(
      /^shop {2}revoked \S+Z +acme:\* +500\/s +\S+Z +accounts:read,transactions:write$/,
    );
    expect(lines[2]).toMatch(/^all {3}valid +\* +- +\S+Z +admin$/);
    expect(lines).toHaveLength(3);
  });

  test("what is wrong: one sentence, and nothing is made", () => {
    for (const [args, about] of [
      [["create"], /required option '--name/],
      [["create", "--name", "x"], /required option '--scopes/],
      [
        ["create", "--name", "X", "--scopes", "all"],
        /^razonete: --name must be .*; --scopes must be .*\.\n$/,
      ],
      [["create", "--name", "", "--scopes", "admin"], /^razonete: --name is empty/],
      [["shop"], /^error: unknown command 'shop'\n\(create, list or revoke comes first, then its flags/],
      [["revoke"], /missing required argument 'name'/],
      [
        ["revoke", "nobody"],
        /^razonete: \S+ has no access key named nobody: razonete keys list shows which there are\.\n$/,
      ],
      [
        ["list", "--stack", "nowhere"],
        /^razonete: --stack and --data name two ledgers: give one of them\.\n$/,
      ],
    ] as const) {
      const { exitCode, stdout, stderr } = keys(...args);
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
      expect(stderr).toMatch(about);
    }
    expect(JSON.parse(keys("list", "--json").stdout).keys).toHaveLength(2);
    // Flags before the command that they belong to.
    const { exitCode, stderr } = razonete(["keys", "--data", data, "list"]);
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      "error: unknown option '--data'\n" +
        "(create, list or revoke comes first, then its flags, as in: razonete keys list --data <folder>)\n",
    );
  });

  test("a key that cannot be shown is revoked, and that is said: nobody would know it", () => {
    const create = ["keys", "create", "--name", "unseen", "--scopes", "admin", "--data", data];
    const { exitCode, stderr } = Bun.spawnSync(
      ["sh", "-c", 'exec "$@" >/dev/full', "sh", ...SOURCE_PROGRAM, ...create],
      { env: { PATH: process.env["PATH"] ?? "" }, stderr: "pipe" },
    );
    expect([exitCode, stderr.toString()]).toEqual([
      1,
      expect.stringMatching(/^razonete: the key could not be shown \(.*\), so it was revoked: [^\n]*\.\n$/),
    ]);
    expect(keys("list").stdout).toMatch(/\nunseen +revoked /);
  });

  test("the folder of a stack: one sentence, and no keys are made that no server reads", () => {
    const stack = join(folder.path, "of-a-stack");
    mkdirSync(stack);
    writeFileSync(join(stack, "razonete-stack"), "");
    expect(razonete(["keys", "create", "--name", "x", "--scopes", "admin", "--data", stack])).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `razonete: ${stack} is the data folder of a stack: give it with --stack in place of --data, while the stack runs.\n`,
    });
    expect(readdirSync(stack)).toEqual(["razonete-stack"]);
  });

  test("without a flag, those of the folder data, or of DATA_DIR", () => {
    expect(razonete(["keys", "list"], {}, folder.path).stdout).toMatch(/\nall +valid/);
    expect(razonete(["keys", "list"], { DATA_DIR: data }).stdout).toMatch(/\nall +valid/);
  });
});

describe.skipIf(serversMissing !== null)("on books", () => {
  const folder = temporaryFolder();
  let server: PostgresServer;
  let url: string;
  beforeAll(async () => {
    server = await startPostgres();
    url = await server.createDatabase();
  });
  afterAll(async () => {
    await server.process.dispose();
    folder[Symbol.dispose]();
  });

  const create = (...args: readonly string[]) => ["keys", "create", "--scopes", "admin", ...args];

  test("without a table for keys: one sentence", () => {
    const { exitCode, stderr } = razonete(create("--name", "early"), { DATABASE_URL: url });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: "razonete: the books have no place for access keys yet: run razonete init.\n",
    });
  });

  test("of DATABASE_URL, or of a running stack", async () => {
    const sql = connectPostgres({ url, name: "test", connections_max: 1 });
    await migrate(sql);
    await sql.end();
    const byVariable = razonete(create("--name", "first"), { DATABASE_URL: url });
    expect(byVariable).toMatchObject({ exitCode: 0, stderr: "" });
    expect(byVariable.stdout).toStartWith(
      `Made the access key first for the cluster at ${new URL(url).host}.`,
    );

    const stack = join(folder.path, "data", "stack");
    mkdirSync(stack, { recursive: true });
    const servers = { databaseUrl: url, redisUrl: "redis://x", natsUrl: "nats://x" };
    writeFileSync(join(stack, "stack.json"), JSON.stringify({ url: "http://x", processes: [], ...servers }));
    expect(razonete(create("--name", "second", "--stack", stack))).toMatchObject({ exitCode: 0, stderr: "" });
    // The folder's stack is found by itself.
    expect(razonete(create("--name", "third"), {}, folder.path)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(razonete(["keys", "revoke", "second"], { DATABASE_URL: url }).exitCode).toBe(0);

    const store = new BookKeys(url);
    const kept = await store.list();
    await store.close();
    expect(kept.map(({ name, revokedAt }) => [name, revokedAt !== null])).toEqual([
      ["first", false],
      ["second", true],
      ["third", false],
    ]);
  });

  test("that cannot be reached: one sentence without the password", () => {
    const { exitCode, stderr } = razonete(["keys", "list"], {
      DATABASE_URL: "postgres://x:secret@127.0.0.1:1/x",
    });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^razonete: PostgreSQL \(DATABASE_URL\) cannot be asked: [^\n]+\.\n$/);
    expect(stderr).not.toContain("secret");
  });

  test("of a stack that does not run: one sentence", () => {
    const { exitCode, stderr } = razonete(["keys", "list", "--stack", join(folder.path, "nowhere")]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: `razonete: the stack in ${folder.path}/nowhere cannot be found: it has no stack.json, which is there while a stack runs.\n`,
    });
  });
});
