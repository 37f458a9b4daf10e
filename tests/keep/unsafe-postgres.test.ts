import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import postgres from "postgres";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import { readPostgresFault } from "../../src/keep/postgres-settings.ts";
import { eventually } from "../support/eventually.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { writerSetup } from "../support/writer-under-test.ts";

setDefaultTimeout(90_000);

describe.skipIf(serversMissing !== null)("the writer keeps nothing in a PostgreSQL that may lose it", () => {
  const setup = writerSetup({ durable: true });

  beforeEach(async () => {
    await setup.world.decide(["1", "2", "3"].map((account) => setup.world.source.batch(account, 30)));
  });

  async function saysAndKeepsNothing(fault: RegExp): Promise<void> {
    const before = [await setup.world.lastG(), await setup.world.outbox()];
    await setup.said(fault);
    // Several looks later.
    await Bun.sleep(300);
    expect([await setup.world.lastG(), await setup.world.outbox()]).toEqual(before);
    expect(setup.world.lines.filter((line) => fault.test(line))).toHaveLength(1);
  }

  /** As an administrator of the server does it, without a restart. */
  async function setSystem(name: string, value: "on" | "off"): Promise<void> {
    const sql = postgres(setup.servers.postgres.url, { max: 1, onnotice: () => {} });
    await sql.unsafe(`ALTER SYSTEM SET ${name} = ${value}`);
    await sql`SELECT pg_reload_conf()`;
    await eventually("it is in force", async () => (await sql.unsafe(`SHOW ${name}`))[0]?.[name] === value);
    await sql.end();
  }

  /** What the writers' kind of session says of the server. */
  async function faultOf(databaseUrl: string, durable: boolean): Promise<string | null> {
    const sql = connectPostgres({ url: databaseUrl, name: "test", connections_max: 1 });
    try {
      return await readPostgresFault(sql, durable);
    } finally {
      await sql.end();
    }
  }

  for (const name of ["fsync", "full_page_writes"]) {
    const fault = new RegExp(
      String.raw`: PostgreSQL may lose what it has committed: set ${name} on \(it is off\), or DURABILITY=relaxed: `,
    );

    test(`${name} is off, from the start`, async () => {
      await setSystem(name, "off");
      try {
        setup.world.startWriter();
        await saysAndKeepsNothing(fault);
        expect(await faultOf(setup.world.config.databaseUrl, false)).toBeNull();
      } finally {
        await setSystem(name, "on");
      }
      await setup.world.drained();
      expect(await setup.world.differences()).toEqual([]);
    });

    test(`${name} is off from some moment on`, async () => {
      setup.world.startWriter();
      await setup.world.drained();
      await setSystem(name, "off");
      try {
        await eventually("it says so", () => setup.world.lines.some((line) => fault.test(line)));
        await setup.world.decideAndPublish([setup.world.source.batch("1", 30)]);
        await saysAndKeepsNothing(fault);
      } finally {
        await setSystem(name, "on");
      }
      await setup.world.drained();
      expect(await setup.world.differences()).toEqual([]);
    });
  }

  test("its session does not wait for the disk, as behind a pooler that has settings of its own", async () => {
    const databaseUrl = `${setup.world.config.databaseUrl}?synchronous_commit=off`;
    setup.world.startWriter({ ...setup.world.config, databaseUrl });
    await saysAndKeepsNothing(/set synchronous_commit on \(it is off\), or DURABILITY=relaxed: /);
    // With these, too, it waits for its own disk.
    for (const value of ["local", "remote_apply"])
      expect(await faultOf(`${setup.world.config.databaseUrl}?synchronous_commit=${value}`, true)).toBeNull();
  });

  test("it is a standby, which cannot be waived", async () => {
    const { process } = setup.servers.postgres;
    const signal = join(dirname(process.logFile), "data/standby.signal");
    await process.stop();
    writeFileSync(signal, "");
    await process.start();
    try {
      setup.world.startWriter();
      await saysAndKeepsNothing(
        /: PostgreSQL is a standby, whose books may be old: set DATABASE_URL to the primary/,
      );
      expect(await faultOf(setup.world.config.databaseUrl, false)).toMatch(/is a standby/);
    } finally {
      await process.stop();
      rmSync(signal);
      await process.start();
    }
    await setup.world.drained();
    expect(await setup.world.differences()).toEqual([]);
  });
});
