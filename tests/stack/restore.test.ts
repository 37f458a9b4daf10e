import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { call } from "../support/api.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startStack, stackToTheEnd } from "../support/running-stack.ts";
import { pathOf, serversMissing } from "../support/servers/binaries.ts";

failOnLeaks();
setDefaultTimeout(120_000);

describe.skipIf(serversMissing !== null)("a stack whose Redis was emptied", () => {
  test("names the way out, does not go it unasked, and goes it with --restore --yes", async () => {
    using folder = temporaryFolder();
    const start = { data: folder.path, real: true } as const;
    {
      await using stack = await startStack(start);
      const body = { valor: 700, tipo: "c", descricao: "kept" };
      expect((await call(stack.url, "POST", "/clientes/1/transacoes", body)).status).toBe(200);
      expect(await stack.stop()).toBe(0);
    }
    rmSync(join(folder.path, "redis"), { recursive: true });

    const refused = await stackToTheEnd(start);
    expect(refused.code).toBe(1);
    expect(refused.output).toMatch(/could not be set up: Redis is empty, /);
    expect(refused.output).toContain(
      `For a stack that is: npm run stack -- --data ${folder.path} --port 0 --restore\n`,
    );

    const planned = await stackToTheEnd({ ...start, flags: ["--restore", "--dry-run"] });
    expect(planned.code).toBe(2);
    expect(planned.output).toMatch(/Redis holds nothing[^]*Nothing was restored\.\nStopped\.\n$/);
    expect(planned.output).not.toContain("listens on");

    const unasked = await stackToTheEnd({ ...start, flags: ["--restore"] });
    expect(unasked.code).toBe(1);
    expect(unasked.output).toMatch(/Redis holds nothing[^]*nothing was restored: nobody can be asked here/);

    await using stack = await startStack({ ...start, flags: ["--restore", "--yes"] });
    expect((await call(stack.url, "GET", "/v1/accounts/1")).body).toMatchObject({ balance: 700 });
    expect(await stack.stop()).toBe(0);
  });
});

describe.skipIf(serversMissing !== null)("a stack whose books are of before its latest restore", () => {
  test("gives up what they do not know of only with --discard-unknown", async () => {
    using folder = temporaryFolder();
    const start = { data: folder.path, real: true } as const;
    const inFolder = (name: string): string => join(folder.path, name);
    const credit = async (url: string): Promise<number> =>
      (await call(url, "POST", "/clientes/1/transacoes", { valor: 700, tipo: "c", descricao: "credit" }))
        .status;
    {
      await using stack = await startStack(start);
      expect(await credit(stack.url)).toBe(200);
      expect(await stack.stop()).toBe(0);
    }
    // With its owner, which PostgreSQL's own user is.
    expect(Bun.spawnSync(["cp", "-a", inFolder("postgres"), inFolder("postgres-before")]).exitCode).toBe(0);
    rmSync(inFolder("redis"), { recursive: true });
    {
      await using stack = await startStack({ ...start, flags: ["--restore", "--yes"] });
      expect(await credit(stack.url)).toBe(200);
      expect(await stack.stop()).toBe(0);
    }
    rmSync(inFolder("postgres"), { recursive: true });
    renameSync(inFolder("postgres-before"), inFolder("postgres"));

    const refused = await stackToTheEnd({ ...start, flags: ["--restore", "--yes"] });
    expect(refused.code).toBe(1);
    expect(refused.output).toContain("npm run stack -- --restore --discard-unknown");

    await using stack = await startStack({ ...start, flags: ["--restore", "--yes", "--discard-unknown"] });
    expect((await call(stack.url, "GET", "/v1/accounts/1")).body).toMatchObject({ balance: 700 });
    expect(await stack.stop()).toBe(0);
  });
});

test("what is for a restore alone is refused without one", async () => {
  using folder = temporaryFolder();
  const data = join(folder.path, "none");
  for (const flag of ["--yes", "--dry-run", "--discard-unknown"]) {
    const refused = await stackToTheEnd({ data, real: true, flags: [flag] });
    expect(refused.code).toBe(1);
    expect(refused.output).toContain("--yes, --dry-run and --discard-unknown are for --restore.");
  }
});

test("a restore of a folder that no stack has used is refused, and makes nothing there", async () => {
  using folder = temporaryFolder();
  const data = join(folder.path, "none");
  const refused = await stackToTheEnd({ data, real: true, flags: ["--restore", "--dry-run"] });
  expect(refused.code).toBe(1);
  expect(refused.output).toContain(`there is no stack in ${data}, so nothing to restore`);
  expect(existsSync(data)).toBe(false);
});

describe.skipIf(serversMissing !== null)("a stack in maintenance", () => {
  test("runs the servers and nothing that uses them, so that a backup can be put back", async () => {
    using folder = temporaryFolder();
    const start = { data: folder.path, real: true } as const;
    const credit = { valor: 700, tipo: "c", descricao: "kept" };
    {
      await using stack = await startStack(start);
      expect((await call(stack.url, "POST", "/clientes/1/transacoes", credit)).status).toBe(200);
      expect(await stack.stop()).toBe(0);
    }
    {
      await using stack = await startStack({ ...start, flags: ["--maintenance"] });
      const { processes, databaseUrl } = stack.description();
      expect(processes.map(({ name }) => name)).toEqual(["redis", "nats", "postgres"]);
      expect(stack.output()).not.toContain(new URL(databaseUrl).password);
      expect(stack.output()).toContain(`. ${join(folder.path, "operator.env")}\n`);
      // As operations.md puts a dump back. FORCE would end what still uses the books: nothing may have to be ended.
      const tools = [
        `. ${join(folder.path, "operator.env")}`,
        `PATH=${dirname(pathOf("postgres"))}:${dirname(pathOf("redis"))}:$PATH`,
        "cd $FOLDER",
        "pg_dump --format=custom --file=books.dump",
        "psql --quiet --dbname=postgres -c 'DROP DATABASE razonete WITH (FORCE)' -c 'CREATE DATABASE razonete'",
        "pg_restore --dbname=razonete books.dump",
        "pg_basebackup --pgdata base --checkpoint=fast",
        'redis-cli -p "$REDIS_PORT" PING',
      ].join(" && ");
      const env = { FOLDER: folder.path, PATH: process.env["PATH"] ?? "" };
      const { exitCode, stdout, stderr } = Bun.spawnSync(["sh", "-c", tools], { env, stderr: "pipe" });
      expect([exitCode, stdout.toString(), stderr.toString()]).toEqual([0, "PONG\n", ""]);
      expect(await stack.stop()).toBe(0);
    }
    await using stack = await startStack(start);
    expect((await call(stack.url, "GET", "/v1/accounts/1")).body).toMatchObject({ balance: 700 });
    expect(await stack.stop()).toBe(0);
  });
});
