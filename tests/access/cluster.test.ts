import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { BookKeySource } from "../../src/access/book-keys.ts";
import { KnownKeys } from "../../src/access/known-keys.ts";
import { bounds } from "../../src/bounds.ts";
import { migrate } from "../../src/keep/migrate.ts";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import { LedgerUnavailable } from "../../src/ledger/ledger.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { createKey } from "./support/create-key.ts";
import { razonete } from "./support/razonete.ts";
import { within5Seconds } from "./support/within.ts";

/** Access keys of a cluster: its APIs as processes, PostgreSQL real; they need no Redis to know who may use them. */

failOnLeaks();
setDefaultTimeout(60_000);

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");

describe.skipIf(serversMissing !== null)("an API", () => {
  let server: PostgresServer;
  let url: string;
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = temporaryFolder();
    server = await startPostgres();
  });
  afterAll(async () => {
    await server.process.dispose();
    folder[Symbol.dispose]();
  });

  async function makeBooks(): Promise<void> {
    url = await server.emptyDatabase();
    const sql = connectPostgres({ url, name: "test", connections_max: 1 });
    await migrate(sql);
    await sql.end();
  }

  /** An API whose Redis and NATS are not there. */
  function spawnApi(environment: Readonly<Record<string, string>>, ...flags: readonly string[]) {
    const child = Bun.spawn([process.execPath, MAIN, "api", ...flags], {
      env: {
        PATH: process.env["PATH"] ?? "",
        DATABASE_URL: url,
        REDIS_URL: "redis://127.0.0.1:1",
        NATS_URL: "nats://127.0.0.1:1",
        DRAIN_MS: "0",
        PORT: "0",
        ...environment,
      },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    let said = "";
    const read = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
      const decoder = new TextDecoder();
      for await (const chunk of stream) said += decoder.decode(chunk, { stream: true });
    };
    const ended = Promise.all([child.exited, read(child.stdout), read(child.stderr)]).then(([code]) => code);
    return {
      said: () => said,
      ended,
      listening: () =>
        eventually(
          "it listens",
          () => said.includes("listens on"),
          () => said,
        ),
      says: (text: string, wait: typeof eventually = eventually) =>
        wait(
          `it says: ${text}`,
          () => said.includes(text),
          () => said,
        ),
      url: () => /listens on (http:\S+)/.exec(said)?.[1] ?? "",
      async [Symbol.asyncDispose]() {
        child.kill("SIGKILL");
        await ended;
      },
    };
  }

  const LOCAL: Readonly<Record<string, () => Readonly<Record<string, string>>>> = {
    "on loopback": () => ({}),
    "on a unix socket": () => ({ SOCKET: join(folder.path, "api.sock") }),
    "with OPEN=until-keys": () => ({ HOST: "0.0.0.0", OPEN: "until-keys" }),
  };
  for (const [where, environment] of Object.entries(LOCAL)) {
    test(`${where}: open until the first key, and says so; it closes within 5 s`, async () => {
      await makeBooks();
      await using api = spawnApi(environment());
      await api.says("Open: no access key was made");
      createKey([], "shop", { DATABASE_URL: url });
      await api.says("an access key was made: from now on every request needs one.", within5Seconds);
      await using again = spawnApi(environment());
      await again.says("Requests need an access key");
    });
  }

  test("anywhere else it does not start without a key, and says what to do", async () => {
    await makeBooks();
    await using api = spawnApi({ HOST: "0.0.0.0" });
    expect(await api.ended).toBe(1);
    expect(api.said()).toMatch(
      /^razonete: no access key was made, and other machines could reach this server \(its host, 0\.0\.0\.0, comes from the variable HOST\): make one with "razonete keys create .*", or start with --open, .*\.\n$/m,
    );
    const [, command = ""] = /"razonete (.*?)"/.exec(api.said()) ?? [];
    expect(razonete(command.split(" "), { DATABASE_URL: url })).toMatchObject({ exitCode: 0 });
    await using again = spawnApi({ HOST: "0.0.0.0" });
    await again.says("Requests need an access key");
  });

  test("with --open or OPEN=1 it starts anywhere", async () => {
    await makeBooks();
    await using byFlag = spawnApi({ HOST: "0.0.0.0" }, "--open");
    await byFlag.says("Open, as it was told");
    await using byVariable = spawnApi({ HOST: "0.0.0.0", OPEN: "1" });
    await byVariable.says("Open, as it was told");
  });

  test("while PostgreSQL is away it tells a key that it knows from one that it does not", async () => {
    await makeBooks();
    const token = createKey([], "shop", { DATABASE_URL: url });
    await using api = spawnApi({});
    await api.listening();
    // Without Redis there is nothing to read, but what the key may not read is known.
    const asked = async (key: string): Promise<number> => {
      const headers = { authorization: `Bearer ${key}` };
      return (await fetch(`${api.url()}/v1/ledger`, { headers })).status;
    };
    expect([await asked(token), await asked("wrong")]).toEqual([403, 401]);
    await server.process.kill();
    await api.says("the access keys cannot be read");
    await Bun.sleep(2 * bounds.access_key_known_milliseconds);
    expect([await asked(token), await asked("wrong")]).toEqual([403, 401]);
    await server.process.start();
    razonete(["keys", "revoke", "shop"], { DATABASE_URL: url });
    const isRefused = async () => (await asked(token)) === 401;
    await within5Seconds("it is refused", isRefused);
  });

  for (const host of ["127.0.0.1", "0.0.0.0"]) {
    test(`on ${host} without PostgreSQL it is not ready, and neither open nor closed, until it knows the keys`, async () => {
      await makeBooks();
      await server.process.kill();
      await using api = spawnApi({ HOST: host });
      await api.says("The access keys are not known yet: until then every request waits.");
      const ready = await fetch(`${api.url().replace("0.0.0.0", "127.0.0.1")}/readyz`);
      expect(ready.status).toBe(503);
      expect(await ready.text()).toContain("the access keys are not known yet");
      await server.process.start();
      const effect = host === "127.0.0.1" ? "taken until" : "refused until";
      await api.says(
        `no access key was made (razonete keys create): every request is ${effect} there is one.`,
      );
    });
  }
});

describe.skipIf(serversMissing !== null)("keys in the books, as an API knows them", () => {
  let server: PostgresServer;
  let url: string;
  let keys: KnownKeys;
  beforeAll(async () => {
    server = await startPostgres();
    url = await server.createDatabase();
    const sql = connectPostgres({ url, name: "test", connections_max: 1 });
    await migrate(sql);
    await sql.end();
  });
  afterAll(() => server.process.dispose());
  afterEach(() => keys.close());

  const known = (): KnownKeys =>
    new KnownKeys({
      source: new BookKeySource(url),
      lookMilliseconds: bounds.access_keys_look_milliseconds,
      report: () => {},
    });

  test("a revoked one is refused within 5 s, a new one is taken", async () => {
    const token = createKey([], "first", { DATABASE_URL: url });
    keys = known();
    await keys.look();
    keys.watch();
    expect(keys.find(token)).toMatchObject({ name: "first" });
    const second = createKey([], "second", { DATABASE_URL: url });
    razonete(["keys", "revoke", "first"], { DATABASE_URL: url });
    await within5Seconds("it is refused", () => keys.find(token) === null);
    expect(keys.find(second)).toMatchObject({ name: "second" });
  });

  test("known ones go on while PostgreSQL is away, and what was revoked counts soon after", async () => {
    const token = createKey([], "third", { DATABASE_URL: url });
    keys = known();
    await keys.look();
    keys.watch();
    await server.process.kill();
    await Bun.sleep(bounds.access_keys_look_milliseconds + 500);
    expect(keys.find(token)).toMatchObject({ name: "third" });
    // One that begins only now knows none, and says so to nobody as a refusal.
    const late = known();
    expect(late.look()).rejects.toThrow();
    expect(() => late.find(token)).toThrow(LedgerUnavailable);
    late.close();
    await server.process.start();
    razonete(["keys", "revoke", "third"], { DATABASE_URL: url });
    await within5Seconds("it is refused", () => keys.find(token) === null);
  });

  test("frozen PostgreSQL: a look does not stay away longer than it is refused in", async () => {
    const token = createKey([], "fourth", { DATABASE_URL: url });
    keys = known();
    await keys.look();
    keys.watch();
    server.freeze();
    await Bun.sleep(bounds.access_keys_look_milliseconds + 500);
    expect(keys.find(token)).not.toBeNull();
    server.thaw();
    razonete(["keys", "revoke", "fourth"], { DATABASE_URL: url });
    await within5Seconds("it is refused", () => keys.find(token) === null);
  });
});
