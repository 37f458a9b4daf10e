import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { auditFile } from "../../src/audit/embedded/audit-file.ts";
import { KeyFile, KeyFileSource } from "../../src/access/key-file.ts";
import { KnownKeys } from "../../src/access/known-keys.ts";
import { bounds } from "../../src/bounds.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { type RunningServer, serveToTheEnd, startServer } from "../support/server.ts";
import { Standstill } from "../support/pace/standstill.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { createKey } from "./support/create-key.ts";
import { razonete } from "./support/razonete.ts";
import { within5Seconds } from "./support/within.ts";

/** Access keys of the embedded ledger, as processes. */

failOnLeaks();
setDefaultTimeout(120_000);

/** What a server says once it has noticed the first key. */
const CLOSED = "razonete: an access key was made: from now on every request needs one.\n";

describe("without a key", () => {
  test("on loopback it is open, says so, and how to close it; the first key closes it within 5 s", async () => {
    using folder = temporaryFolder();
    const { path: data } = folder;
    await using server = await startServer({ data });
    expect(server.output().stdout).toMatch(
      /\nOpen: no access key was made, .*\n  razonete keys create --data /,
    );
    const [, command = ""] = /\n {2}razonete (keys create .*)\n/.exec(server.output().stdout) ?? [];
    expect(razonete(command.split(" "))).toMatchObject({ exitCode: 0, stderr: "" });
    await within5Seconds(
      "it is closed",
      () => server.output().stderr === CLOSED,
      () => server.output(),
    );
    await server.stop();

    await using again = await startServer({ data });
    await again.stop();
    expect(again.output().stdout).toContain("\nRequests need an access key (razonete keys list).\n");
    expect(again.output().stdout).not.toMatch(/^(Open:|Without TLS)/m);
    expect(again.output().stdout).toContain('\n  curl -H "Authorization: Bearer $KEY" -d ');
  });

  for (const host of ["0.0.0.0", "::"]) {
    test(`on ${host} it does not start, and says what to do`, async () => {
      using folder = temporaryFolder();
      const data = join(folder.path, "data");
      const { code, stdout, stderr } = await serveToTheEnd({ data, flags: ["--host", host] });
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(
        /^razonete: no access key was made, and other machines could reach this server \(its host, \S+, comes from --host\): make one with "razonete keys create .*", or start with --open, which lets everyone in who reaches it\.\n$/,
      );
      const [, command = ""] = /"razonete (.*?)"/.exec(stderr) ?? [];
      expect(razonete(command.split(" "))).toMatchObject({ exitCode: 0 });
      await using server = await startServer({ data, flags: ["--host", host] });
      await server.stop();
      expect(server.output().stdout).toMatch(
        /\nOther machines can reach it: .*\nRequests need an access key.*\nWithout TLS \(--tls-cert\): /,
      );
    });
  }

  test("with --open or OPEN=1 it starts anywhere, and a key changes nothing", async () => {
    using folder = temporaryFolder();
    const { path: data } = folder;
    await using byFlag = await startServer({ data, flags: ["--open", "--host", "0.0.0.0"] });
    createKey(["--data", data]);
    await Bun.sleep(2 * bounds.access_key_file_look_milliseconds);
    await byFlag.stop();
    expect(byFlag.output().stdout).toMatch(/\nOther machines can reach it: .*\nOpen, as it was told: /);
    expect(byFlag.output().stderr).toBe("");
    await using byVariable = await startServer({ data, environment: { OPEN: "1" } });
    await byVariable.stop();
    expect(byVariable.output().stdout).toMatch(/\nOpen, as it was told: /);
  });

  test("with OPEN=until-keys it starts anywhere, until there is one", async () => {
    using folder = temporaryFolder();
    const { path: data } = folder;
    const environment = { HOST: "0.0.0.0", OPEN: "until-keys" };
    await using server = await startServer({ data, environment });
    createKey(["--data", data]);
    await within5Seconds(
      "it is closed",
      () => server.output().stderr === CLOSED,
      () => server.output(),
    );
    expect(server.output().stdout).toMatch(/\nOther machines can reach it: .*\nOpen: no access key was made/);
  });

  test("OPEN that is something else: one sentence", async () => {
    using folder = temporaryFolder();
    const { stderr } = await serveToTheEnd({ data: folder.path, environment: { OPEN: "yes" } });
    expect(stderr).toBe('razonete: the variable OPEN must be 0, 1 or until-keys, not "yes".\n');
  });
});

describe("a revoked key", () => {
  test("is refused within 5 s by who runs on the file; one that is made is taken", async () => {
    using folder = temporaryFolder();
    const { path: data } = folder;
    const token = createKey(["--data", data]);
    const keys = new KnownKeys({
      source: new KeyFileSource(join(data, "razonete.db-keys")),
      lookMilliseconds: bounds.access_key_file_look_milliseconds,
      report: () => {},
    });
    await keys.look();
    keys.watch();
    expect(keys.find(token)).toMatchObject({ name: "shop" });
    const second = createKey(["--data", data], "second");
    razonete(["keys", "revoke", "shop", "--data", data]);
    await within5Seconds("it is refused", () => keys.find(token) === null);
    expect(keys.find(second)).toMatchObject({ name: "second" });
    keys.close();
  });
});

describe("keys that cannot be read", () => {
  test("it does not start, and says what to do", async () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, "razonete.db-keys"), "noise ".repeat(100));
    const { code, stdout, stderr } = await serveToTheEnd({ data: folder.path });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      /^razonete: the access keys in \S+-keys cannot be used .*: put back a copy of it\.\n$/,
    );
  });

  test("gone while it runs: it stays closed, and says so", async () => {
    using folder = temporaryFolder();
    const { path: data } = folder;
    createKey(["--data", data]);
    await using server = await startServer({ data });
    rmSync(join(data, "razonete.db-keys"));
    const said = /^razonete: the access keys cannot be read \(.* is gone\): those that are known go on\.\n$/;
    await eventually(
      "it says so",
      () => said.test(server.output().stderr),
      () => server.output(),
    );
  });
});

describe("under load", () => {
  /** Transactions with a key on several connections until `until` resolves; how many were answered, and the slowest. */
  async function load(server: RunningServer, token: string, until: Promise<void>) {
    const seen = { answered: 0, failed: 0, slowest: 0 };
    await using standstill = await Standstill.watch();
    const over = new AbortController();
    const client = async (account: number): Promise<void> => {
      while (!over.signal.aborted) {
        const [startedAt, stood] = [performance.now(), standstill.milliseconds];
        const response = await fetch(`${server.url}/clientes/${account}/transacoes`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}` },
          body: JSON.stringify({ valor: 1, tipo: "c", descricao: "load" }),
          keepalive: false,
        });
        await response.text();
        const waited = performance.now() - startedAt - (standstill.milliseconds - stood);
        seen.slowest = Math.max(seen.slowest, waited);
        if (response.ok) seen.answered += 1;
        else seen.failed += 1;
      }
    };
    const clients = Promise.all([1, 2, 3, 4, 5].map(client));
    await until;
    over.abort();
    await clients;
    return seen;
  }

  async function expectKept(data: string, answered: number): Promise<void> {
    const report = await auditFile(join(data, "razonete.db"), { since: null, onProgress: () => {} });
    expect(report).toMatchObject({ agreed: true, counts: { entries: answered } });
  }

  test("hundreds of keys made and revoked: no transaction fails, none is lost", async () => {
    using folder = temporaryFolder();
    const { path: data } = folder;
    const token = createKey(["--data", data, "--scopes", "admin"]);
    await using server = await startServer({ data });
    const manage = async (): Promise<void> => {
      for (let round = 0; round < 3; round += 1) createKey(["--data", data], `command-${round}`);
      const store = new KeyFile(join(data, "razonete.db-keys"));
      const [made] = await store.list();
      if (made === undefined) throw new Error("no key was made");
      for (let count = 0; count < 200; count += 1) {
        const hash = Buffer.alloc(32, `${count} `).toString("base64");
        expect(await store.create({ ...made, name: `key-${count}`, hash })).toBe(true);
        if (count % 2 === 0) await store.revoke(`key-${count}`, count);
        await Bun.sleep(1);
      }
    };
    const { answered, failed } = await load(server, token, manage());
    expect(failed).toBe(0);
    expect(answered).toBeGreaterThan(100);
    await server.stop();
    expect(server.output().stderr.replaceAll(/^razonete: the access keys can.*\n/gm, "")).toBe("");
    await expectKept(data, answered);
  });

  test("one that is stopped in the middle of writing a key: transactions go on", async () => {
    using folder = temporaryFolder();
    const { path: data } = folder;
    const token = createKey(["--data", data, "--scopes", "admin"]);
    await using server = await startServer({ data });
    using stopped = new Database(join(data, "razonete.db-keys"));
    stopped.run("BEGIN EXCLUSIVE");
    stopped.run("UPDATE access_keys SET revoked_at = 7");
    const { answered, failed, slowest } = await load(server, token, Bun.sleep(4_000));
    expect({ failed, waits: slowest > 3_000 }).toEqual({ failed: 0, waits: false });
    expect(answered).toBeGreaterThan(100);
    stopped.run("ROLLBACK");
    await eventually("it can read them again", () => server.output().stderr.includes("can be read again"));
    await server.stop();
    await expectKept(data, answered);
  });
});

describe("a backup", () => {
  test("has the keys beside it; a restore takes them where there are none, and brings back no revoked one", async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    const copy = join(folder.path, "copy.db");
    {
      await using server = await startServer({ data });
      createKey(["--data", data]);
      expect(razonete(["backup", "--data", data, "--to", copy])).toMatchObject({ exitCode: 0, stderr: "" });
      await server.stop();
    }
    expect(statSync(`${copy}-keys`).mode & 0o777).toBe(0o600);
    expect(razonete(["keys", "revoke", "shop", "--data", data]).exitCode).toBe(0);
    const restore = (to: string) => razonete(["restore", "--data", to, "--from", copy, "--yes"]);
    expect(restore(data).exitCode).toBe(0);
    const elsewhere = join(folder.path, "elsewhere");
    expect(restore(elsewhere).exitCode).toBe(0);
    const listed = (of: string) => JSON.parse(razonete(["keys", "list", "--json", "--data", of]).stdout).keys;
    expect(listed(data)).toMatchObject([{ name: "shop", revoked_at: expect.any(String) }]);
    expect(listed(elsewhere)).toMatchObject([{ name: "shop", revoked_at: null }]);
    expect(readFileSync(`${copy}-keys`).includes("shop")).toBe(true);
    await using again = await startServer({ data: elsewhere });
    await again.stop();
    expect(again.output().stdout).toContain("Requests need an access key");
  });

  test("of a ledger without keys has none", async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    await using server = await startServer({ data });
    const copy = join(folder.path, "copy.db");
    expect(razonete(["backup", "--data", data, "--to", copy]).exitCode).toBe(0);
    await server.stop();
    expect(existsSync(`${copy}-keys`)).toBe(false);
    expect(razonete(["restore", "--data", data, "--from", copy, "--yes"]).exitCode).toBe(0);
    expect(existsSync(join(data, "razonete.db-keys"))).toBe(false);
  });
});
