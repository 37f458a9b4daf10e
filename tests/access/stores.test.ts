import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import {
  chownSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Database } from "bun:sqlite";
import { BookKeys, BookKeySource } from "../../src/access/book-keys.ts";
import type { AccessKeySource, AccessKeyStore, KeptKey } from "../../src/access/kept-key.ts";
import { copyKeyFile, KeyFile, KeyFileSource } from "../../src/access/key-file.ts";
import { hashOf, newToken } from "../../src/access/token.ts";
import { StartError } from "../../src/errors.ts";
import { migrate } from "../../src/keep/migrate.ts";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(60_000);

function keyNamed(name: string, more: Partial<KeptKey> = {}): KeptKey {
  return {
    name,
    hash: hashOf(newToken()),
    scopes: new Set(["transactions:write", "accounts:read"]),
    accounts: "acme:",
    rate: 500,
    createdAt: 1_700_000_000_000_001,
    expiresAt: 9_007_199_254_740_991,
    revokedAt: null,
    ...more,
  };
}

interface Stores {
  readonly store: AccessKeyStore;
  readonly other: AccessKeyStore;
  readonly source: AccessKeySource;
}

/** What holds wherever keys are kept. */
function storeSection(stores: () => Stores): void {
  test("keeps a key as it was made, and shows all in their order", async () => {
    const { store, other } = stores();
    expect(await store.list()).toEqual([]);
    const first = keyNamed("z");
    const second = keyNamed("a", {
      accounts: "",
      rate: null,
      expiresAt: null,
      createdAt: first.createdAt + 1,
    });
    expect(await store.create(first)).toBe(true);
    expect(await other.create(second)).toBe(true);
    expect(await store.list()).toEqual([first, second]);
  });

  test("a name is one key for good, revoked or not, also of two that are made at once", async () => {
    const { store, other } = stores();
    const [first, second] = [keyNamed("shop"), keyNamed("shop")];
    const made = await Promise.all([store.create(first), other.create(second)]);
    expect(made.toSorted()).toEqual([false, true]);
    const [kept] = await store.list();
    expect(kept).toEqual(made[0] ? first : second);
    await store.revoke("shop", 7);
    expect(await other.create(keyNamed("shop"))).toBe(false);
    expect(await store.list()).toEqual([{ ...keyNamed("shop"), ...kept, revokedAt: 7 }]);
  });

  test("a revoked key stays, with the time of its first revocation; none is of an unknown name", async () => {
    const { store, other } = stores();
    await store.create(keyNamed("shop"));
    expect(await store.revoke("shop", 7)).toMatchObject({ name: "shop", revokedAt: 7 });
    expect(await other.revoke("shop", 8)).toMatchObject({ revokedAt: 7 });
    expect(await store.revoke("other", 9)).toBeNull();
    expect(await store.list()).toMatchObject([{ name: "shop", revokedAt: 7 }]);
  });

  test("a server reads them again only where one was made or revoked", async () => {
    const { store, source } = stores();
    const names = async (): Promise<unknown> =>
      (await source.readChanged())?.map(({ name, revokedAt }) => [name, revokedAt]) ?? null;
    expect(await names()).toEqual([]);
    expect(await names()).toBeNull();
    await store.create(keyNamed("a"));
    expect(await names()).toEqual([["a", null]]);
    expect(await names()).toBeNull();
    await store.create(keyNamed("a"));
    await store.create(keyNamed("b", { createdAt: 1_700_000_000_000_002 }));
    expect(await names()).toEqual([
      ["a", null],
      ["b", null],
    ]);
    await store.revoke("a", 1_700_000_000_000_003);
    expect(await names()).toEqual([
      ["a", 1_700_000_000_000_003],
      ["b", null],
    ]);
    expect(await names()).toBeNull();
  });
}

describe("in a file", () => {
  let folder: TemporaryFolder;
  let path: string;
  let source: KeyFileSource;
  beforeEach(() => {
    folder = temporaryFolder();
    path = join(folder.path, "data", "razonete.db-keys");
    source = new KeyFileSource(path);
  });
  afterEach(async () => {
    await source.close();
    folder[Symbol.dispose]();
  });

  storeSection(() => ({ store: new KeyFile(path), other: new KeyFile(path), source }));

  test("which only its owner may read, and which has no secret in it", async () => {
    const token = newToken();
    await new KeyFile(path).create(keyNamed("shop", { hash: hashOf(token) }));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const bytes = readFileSync(path);
    expect(bytes.includes("shop")).toBe(true);
    expect(bytes.includes(token.slice(3))).toBe(false);
    expect(bytes.includes(Buffer.from(token.slice(3), "base64url"))).toBe(false);
  });

  test.skipIf(process.getuid?.() !== 0)("made by root, it belongs to whom its folder belongs", async () => {
    const data = dirname(path);
    mkdirSync(data);
    chownSync(data, 65_534, 65_534);
    await new KeyFile(path).create(keyNamed("a"));
    copyKeyFile(path, join(data, "copy-keys"));
    for (const file of [path, join(data, "copy-keys")])
      expect(statSync(file)).toMatchObject({ uid: 65_534, gid: 65_534 });
  });

  test("while another process writes it a server does not wait, and reads it afterwards", async () => {
    await new KeyFile(path).create(keyNamed("a"));
    await source.readChanged();
    using other = new Database(path);
    other.run("BEGIN EXCLUSIVE");
    const startedAt = performance.now();
    expect(source.readChanged()).rejects.toThrow(StartError);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    other.run("UPDATE access_keys SET revoked_at = 7");
    other.run("COMMIT");
    expect(await source.readChanged()).toMatchObject([{ name: "a", revokedAt: 7 }]);
  });

  test("a copy that is put in its place is read; a file that is gone is an error, not no keys", async () => {
    await new KeyFile(path).create(keyNamed("a"));
    copyFileSync(path, `${path}.copy`);
    await new KeyFile(path).revoke("a", 7);
    expect(await source.readChanged()).toMatchObject([{ revokedAt: 7 }]);
    renameSync(`${path}.copy`, path);
    expect(await source.readChanged()).toMatchObject([{ revokedAt: null }]);
    renameSync(path, `${path}.copy`);
    expect(source.readChanged()).rejects.toThrow("is gone");
    renameSync(`${path}.copy`, path);
    expect(await source.readChanged()).toBeNull();
  });

  test("a copy that is written over it is read, too, also over one that was emptied", async () => {
    await new KeyFile(path).create(keyNamed("a"));
    const copy = readFileSync(path);
    expect(await source.readChanged()).toMatchObject([{ name: "a" }]);
    writeFileSync(path, "");
    expect(await source.readChanged()).toEqual([]);
    writeFileSync(path, copy);
    expect(await source.readChanged()).toMatchObject([{ name: "a" }]);
    expect(await source.readChanged()).toBeNull();
  });

  test("one that is just being made has no keys yet", async () => {
    await new KeyFile(path).create(keyNamed("a"));
    truncateSync(path, 0);
    expect(await source.readChanged()).toEqual([]);
    expect(await new KeyFile(path).create(keyNamed("b"))).toBe(true);
    expect(await source.readChanged()).toMatchObject([{ name: "b" }]);
  });

  const UNUSABLE: Readonly<Record<string, { readonly spoil: () => void; readonly about: RegExp }>> = {
    noise: {
      spoil: () => writeFileSync(path, "noise ".repeat(1000)),
      about: /cannot be used .*: put back a copy of it\.$/,
    },
    "another program's": {
      spoil: () => {
        using db = new Database(path);
        db.run("DROP TABLE access_keys");
        db.run("PRAGMA application_id = 1");
      },
      about: /is not a file of access keys: move it away/,
    },
    "a later program's": {
      spoil: () => {
        using db = new Database(path);
        db.run("PRAGMA user_version = 2");
      },
      about: /has schema version 2, this program knows version 1: use the newer program/,
    },
  };
  for (const [what, { spoil, about }] of Object.entries(UNUSABLE)) {
    test(`${what}: one sentence, and nothing is changed`, async () => {
      await new KeyFile(path).create(keyNamed("a"));
      spoil();
      const before = readFileSync(path);
      for (const use of [
        () => new KeyFile(path).create(keyNamed("b")),
        () => new KeyFile(path).list(),
        () => new KeyFile(path).revoke("a", 7),
        () => source.readChanged(),
      ]) {
        const error = await use().then(
          () => null,
          (reason: unknown) => reason,
        );
        expect(error).toBeInstanceOf(StartError);
        expect(String(error)).toMatch(about);
      }
      expect(readFileSync(path).equals(before)).toBe(true);
    });
  }
});

describe.skipIf(serversMissing !== null)("in the books", () => {
  let server: PostgresServer;
  let url: string;
  let store: BookKeys;
  let other: BookKeys;
  let source: BookKeySource;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.process.dispose());
  beforeEach(async () => {
    url = await server.emptyDatabase();
    const sql = connectPostgres({ url, name: "test", connections_max: 1 });
    await migrate(sql);
    await sql.end();
    store = new BookKeys(url);
    other = new BookKeys(url);
    source = new BookKeySource(url);
  });
  afterEach(async () => {
    await Promise.all([store.close(), other.close(), source.close()]);
  });

  storeSection(() => ({ store, other, source }));

  test("that are not there yet, or away: one sentence; a server reads them as soon as they are back", async () => {
    await server.emptyDatabase();
    const failed = async (): Promise<unknown> => store.list().catch((error: unknown) => error);
    expect(await failed()).toEqual(
      new StartError("the books have no place for access keys yet: run razonete init."),
    );
    expect(source.readChanged()).rejects.toThrow();
    await server.process.kill();
    expect(String(await failed())).toMatch(/^StartError: PostgreSQL \(DATABASE_URL\) cannot be asked: .+\.$/);
    expect(source.readChanged()).rejects.toThrow();
    await server.process.start();
    const sql = connectPostgres({ url, name: "test", connections_max: 1 });
    await migrate(sql);
    await sql.end();
    await eventually("they can be read", async () => (await source.readChanged()) !== null);
  });

  test("frozen: a look of a server ends in time", async () => {
    await source.readChanged();
    server.freeze();
    expect(String(await source.readChanged().catch((error: unknown) => error))).toMatch(
      /no answer within 1500 ms/,
    );
    server.thaw();
    await eventually("they can be read", async () => (await source.readChanged()) === null);
  });
});
