import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { dirname, join } from "node:path";
import postgres from "postgres";
import { CursorGoneError, Razonete } from "../../client/src/razonete.ts";
import { BookJournal } from "../../src/events/book-journal.ts";
import { FileJournal } from "../../src/events/file-journal.ts";
import type { JournalSource } from "../../src/events/journal-source.ts";
import { call } from "../support/api.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { KeptBooks } from "../support/kept-books.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { NOTHING_MISSING, runRestore } from "../support/run-restore.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { pathOf, serversMissing } from "../support/servers/binaries.ts";
import { freePorts } from "../support/servers/free-ports.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { readAll, readPage } from "../support/followers/event-client.ts";
import { keptEvents } from "./support/kept-events.ts";
import { done } from "./support/mixed-load.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const STREAM = { accept: "text/event-stream" };

/** Some credits of account 1. @returns the cursor behind the last of them */
async function move(url: string, count: number): Promise<string> {
  let cursor = (await readPage(url, "after=latest")).next;
  const missing = new Set<unknown>();
  for (let n = 0; n < count; n += 1) {
    const postings = [{ from: "@world", to: "1", amount: 1 }];
    missing.add((await done(url, "/v1/transactions", { postings }, 201))["id"]);
  }
  while (missing.size > 0) {
    const { events, next } = await readPage(url, `after=${cursor}&limit=100&wait=20`);
    for (const { data } of events) missing.delete(data["id"]);
    cursor = next;
  }
  return cursor;
}

/** However it is asked, also again and while it waits: never silence, and never an event of the other past. */
async function expectGone(url: string, cursor: string): Promise<void> {
  const gone = [410, "urn:razonete:problem:cursor-gone"];
  const ask = async (query: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}/v1/events?${query}`, { headers });
    return [response.status, Object(await response.json()).type];
  };
  expect(await ask(`after=${cursor}`)).toEqual(gone);
  expect(await ask(`after=${cursor}&wait=20`)).toEqual(gone);
  expect(await ask(`after=${cursor}&account=1&type=transaction.created`)).toEqual(gone);
  expect(await ask(`after=${cursor}`, STREAM)).toEqual(gone);
  expect(await ask("", { ...STREAM, "last-event-id": cursor })).toEqual(gone);
  const stream = new Razonete({ url }).events.stream({ after: cursor });
  expect(Array.fromAsync(stream)).rejects.toBeInstanceOf(CursorGoneError);
}

/** What a reader of the past before has is the beginning of what there is now, and the rest comes to it whole. */
async function expectRest(url: string, journal: JournalSource, cursor: string, had: string[]): Promise<void> {
  const rest = (await readAll(url, "limit=7", cursor)).map(({ id }) => id);
  expect([...had, ...rest]).toEqual((await keptEvents(journal)).flat().map(({ id }) => id));
  expect(rest.length).toBeGreaterThan(0);
}

/** Follows with the client from the beginning on, until it is refused or stopped. */
function clientOf(url: string) {
  const ids: string[] = [];
  const stop = new AbortController();
  const follow = async (): Promise<unknown> => {
    try {
      for await (const { id } of new Razonete({ url }).events.stream({ signal: stop.signal })) ids.push(id);
      return null;
    } catch (error) {
      return error;
    }
  };
  return { ids, stop, ended: follow() };
}

test("an older data file is put in place: who had gone on is told so, and who had not misses nothing", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "razonete.db");
  // It is back on the same one.
  const [port = 0] = await freePorts(1);
  let server: RunningServer = await startServer({ data: folder.path, port });
  const restart = async (between: () => void): Promise<void> => {
    expect(await server.stop()).toBe(0);
    between();
    server = await startServer({ data: folder.path, port });
  };
  try {
    const older = await move(server.url, 5);
    const had = (await readAll(server.url)).map(({ id }) => id);
    await restart(() => copyFileSync(file, `${file}.older`));
    const client = clientOf(server.url);
    const newer = await move(server.url, 5);
    await eventually("the client has all", () => client.ids.length === had.length + 5);

    await restart(() => copyFileSync(`${file}.older`, file));
    expect(await client.ended).toBeInstanceOf(CursorGoneError);
    await expectGone(server.url, newer);
    // As many rows as before, and more: each is another one.
    await move(server.url, 9);
    await expectGone(server.url, newer);
    const journal = new FileJournal(file, "elsewhere");
    await expectRest(server.url, journal, older, had);
    await journal.close();
  } finally {
    await server.kill();
  }
});

describe.skipIf(serversMissing !== null)("the books of a cluster are put back older", () => {
  function tool(name: string, ...args: readonly string[]): void {
    const { exitCode, stderr } = Bun.spawnSync([join(dirname(pathOf("postgres")), name), ...args], {
      stderr: "pipe",
    });
    if (exitCode !== 0) throw new Error(`${name}: ${stderr.toString()}`);
  }

  /** With writers that do not run, and APIs that do. */
  async function putBack(cluster: Cluster, dump: string): Promise<void> {
    for (const writer of cluster.writers) await writer.kill();
    const name = new URL(cluster.databaseUrl).pathname.slice(1);
    const sql = postgres(cluster.postgres.url, { max: 1, onnotice: () => {} });
    await sql.unsafe(`DROP DATABASE ${name} WITH (FORCE)`);
    await sql.unsafe(`CREATE DATABASE ${name}`);
    await sql.end();
    tool("pg_restore", `--dbname=${cluster.databaseUrl}`, dump);
  }

  async function goOn(cluster: Cluster): Promise<void> {
    for (const writer of cluster.writers) await writer.start();
    await cluster.balanced();
  }

  /** As where NATS's disk was lost, too. */
  async function forgetFeed({ nats }: Cluster): Promise<void> {
    await nats.process.kill();
    nats.forget();
    await nats.process.start();
  }

  test("under APIs that run: a restore that finds all lets all go on; one that does not is told to who had gone on", async () => {
    await using cluster = await Cluster.start({ shards: 1 });
    const { url } = cluster;
    const books = new KeptBooks(cluster);
    const journal = new BookJournal(cluster.databaseUrl, "test of events");
    const kept = async () => (await keptEvents(journal)).flat();
    const dump = join(dirname(cluster.postgres.process.logFile), "books.dump");
    const older = await move(url, 5);
    const had = (await readAll(url)).map(({ id }) => id);
    tool("pg_dump", "--format=custom", `--file=${dump}`, cluster.databaseUrl);
    await done(url, "/v1/accounts", { id: "x", unit: "BRL/2" }, 201);
    const newer = await move(url, 5);
    await books.drained();

    await putBack(cluster, dump);
    expect(runRestore(cluster, "--yes")).toMatchObject({ type: "restored", missing: NOTHING_MISSING });
    await goOn(cluster);
    const latest = await move(url, 3);
    expect(await readAll(url, "limit=100", newer)).toHaveLength(3);
    // By the last API, as all that comes through the balancer.
    const client = clientOf(url);
    const all = (await kept()).map(({ id }) => id);
    await eventually("the client has all", () => client.ids.length >= all.length);
    expect(client.ids).toEqual(all);
    await books.drained();

    // Of the first one nobody follows, who would be woken: it is asked for pages alone.
    const pages = cluster.apiUrl(0);
    const credit = async () => {
      const cursor = (await readPage(pages, "after=latest")).next;
      const body = { valor: 1, tipo: "c", descricao: "x" };
      expect((await call(url, "POST", "/clientes/x/transacoes", body)).status).toBe(200);
      let [event] = (await readPage(pages, `after=${cursor}`)).events;
      while (event === undefined) [event] = (await readPage(pages, `after=${cursor}`)).events;
      return Object(event.data["accounts"]).x.unit;
    };
    expect(await credit()).toBe("BRL/2");
    await books.drained();

    await putBack(cluster, dump);
    await forgetFeed(cluster);
    expect(runRestore(cluster, "--yes", "--discard-unknown")).toMatchObject({
      type: "restored",
      shards: [{ fromFeed: 0 }],
    });
    await goOn(cluster);
    expect(await client.ended).toBeInstanceOf(CursorGoneError);
    await done(url, "/v1/accounts", { id: "x", unit: "USD/2" }, 201);
    await eventually("it is in the books", async () => (await kept()).at(-1)?.type === "account.opened");
    expect(await credit()).toBe("USD/2");
    await move(url, 20);
    await expectGone(url, newer);
    await expectGone(url, latest);
    await expectRest(url, journal, older, had);
    await journal.close();
    await books.close();
  });
});
