import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { BookJournal } from "../../src/events/book-journal.ts";
import { exportEvents } from "../../src/export/export-events.ts";
import { formatNamed } from "../../src/export/formats.ts";
import { ledgerAccount } from "../../src/export/names.ts";
import { readTotals } from "../../src/keep/book-entries.ts";
import { connectPostgres, type Sql } from "../../src/keep/postgres-client.ts";
import { programsMissing, READERS } from "../support/servers/accounting-programs.ts";
import { accountOn } from "../support/account-on.ts";
import { type Answer, call, problemName } from "../support/api.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Transfers between three shards by real processes, as lists, entries, sums, events and exports show them. */

failOnLeaks();
setDefaultTimeout(180_000);

const SHARDS = 3;
const ACCOUNTS = [0, 1, 2].map((shard) => accountOn(shard, SHARDS));
const BROUGHT_IN = 1_000_000;
const WORKERS = 6;
const LOOKS_MAX = 5_000;
const REFERENCE = "under-load";

const created = z.object({ id: z.string(), created_at: z.string(), postings: z.array(z.unknown()) });
const totals = z.object({
  transactions: z.number(),
  units: z.tuple([
    z.object({ balances: z.coerce.bigint(), world: z.coerce.bigint(), in_transit: z.coerce.bigint() }),
  ]),
  books: z.object({ lag_ms: z.number() }),
});
const account = z.object({ id: z.string(), balance: z.number(), held: z.number(), seq: z.number() });
const statement = z.object({
  saldo: z.object({ total: z.number() }),
  ultimas_transacoes: z.array(z.object({ valor: z.number(), tipo: z.enum(["c", "d"]) })).min(1),
});

function listOf<Item>(item: z.ZodType<Item>) {
  return z.object({ data: z.array(item), next: z.string().nullable() });
}

describe.skipIf(serversMissing !== null)(`transactions across shards, read (TEST_SEED=${testSeed()})`, () => {
  let cluster: Cluster;
  let sql: Sql;
  beforeAll(async () => {
    cluster = await Cluster.start({ apis: 2, writers: 1, shards: SHARDS });
    sql = connectPostgres({ url: cluster.databaseUrl, name: "test", connections_max: 1 });
    for (const to of ACCOUNTS) await post([{ from: "@world", to, amount: BROUGHT_IN }]);
  });
  afterAll(async () => {
    await sql.end();
    await cluster[Symbol.asyncDispose]();
  });

  async function post(postings: readonly object[], reference: string | null = null) {
    const { status, body } = await answerOf("POST", "/v1/transactions", { postings, reference });
    if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`);
    return created.parse(body);
  }

  async function get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    const { status, body } = await answerOf("GET", path);
    expect([path, status]).toEqual([path, 200]);
    return schema.parse(body);
  }

  /** What a slow machine does not tell in time is asked for again: a command with its key, so that it is done once. */
  async function answerOf(method: "GET" | "POST", path: string, body?: object): Promise<Answer> {
    const key = method === "POST" ? crypto.randomUUID() : null;
    let answer: Answer | undefined;
    await eventually(
      `${method} ${path} is answered`,
      async () => {
        answer = await call(cluster.url, method, path, body, key);
        return answer.status !== 503 || problemName(answer) !== "ledger-unavailable";
      },
      () => answer?.body,
    );
    if (answer === undefined) throw new Error("there is no answer");
    return answer;
  }

  async function list<Item>(path: string, item: z.ZodType<Item>): Promise<Item[]> {
    const all: Item[] = [];
    const separator = path.includes("?") ? "&" : "?";
    for (let cursor = ""; ;) {
      const { data, next } = await get(`${path}${separator}limit=100${cursor}`, listOf(item));
      all.push(...data);
      if (next === null) return all;
      cursor = `&cursor=${next}`;
    }
  }

  const made = new Map<string, z.infer<typeof created>>();
  function answeredOf(id: string) {
    const answered = made.get(id);
    if (answered === undefined) throw new Error(`nobody was told of ${id}`);
    return answered;
  }
  const inAll = BigInt(BROUGHT_IN * ACCOUNTS.length);

  test("money is there once at each moment: in a balance, or told to be in transit", async () => {
    await eventually("all that was brought in is in the books", async () => {
      const { units } = await get("/v1/ledger", totals);
      return units[0].world === -inAll;
    });
    const random = new Random(testSeed());
    const over = new AbortController();
    const work = Promise.all(
      Array.from({ length: WORKERS }, async () => {
        while (!over.signal.aborted) {
          const first = random.integer(0, SHARDS - 1);
          const [from, to, third] = [0, 1, 2].map((next) => ACCOUNTS[(first + next) % SHARDS]);
          const also = random.chance(30) ? [{ from: third, to: from, amount: 1 }] : [];
          const one = await post([{ from, to, amount: random.integer(1, 50) }, ...also], REFERENCE);
          made.set(one.id, one);
        }
      }),
    ).finally(() => over.abort());
    let seenInTransit = 0;
    try {
      for (let looks = 0; looks < 20 || seenInTransit < 3 || made.size < 60; looks += 1) {
        if (over.signal.aborted || looks > LOOKS_MAX) break;
        const [told] = (await get("/v1/ledger", totals)).units;
        expect(told.balances + told.world + told.in_transit).toBe(0n);
        expect(told.world).toBe(-inAll);
        if (told.in_transit !== 0n) seenInTransit += 1;
        // The same of all accounts, at one moment of the books.
        await sql.begin("isolation level repeatable read read only", async (moment) => {
          const [sum] = await moment<{ all: string }[]>`SELECT sum(balance)::text AS all FROM accounts`;
          const [first] = (await readTotals(moment)).units;
          expect(BigInt(sum?.all ?? "0") + (first?.inTransit ?? 0n)).toBe(inAll);
        });
      }
    } finally {
      over.abort();
      await work;
    }
    expect(seenInTransit).toBeGreaterThan(0);
    await eventually("all has arrived", async () => {
      const { units, books } = await get("/v1/ledger", totals);
      return units[0].in_transit === 0n && units[0].balances === inAll && books.lag_ms === 0;
    });
  });

  test("each is in each list once, and an account's entries tell its id", async () => {
    const ids = [...made.keys()].toSorted();
    const all = await list("/v1/transactions", created);
    expect(
      all
        .filter(({ id }) => made.has(id))
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(ids);
    expect(all).toHaveLength(made.size + ACCOUNTS.length);
    const found = await list(`/v1/transactions?reference=${REFERENCE}`, created);
    expect(found.map(({ id }) => id).toSorted()).toEqual(ids);
    for (const { id, created_at: at, postings } of found)
      expect({ id, created_at: at, postings }).toEqual(answeredOf(id));
    const { transactions } = await get("/v1/ledger", totals);
    expect(transactions).toBe(made.size + ACCOUNTS.length);

    const entry = z.object({
      transaction: z.string(),
      seq: z.number(),
      amount: z.number(),
      balance: z.number(),
    });
    for (const id of ACCOUNTS) {
      const { balance, held, seq } = await get(`/v1/accounts/${id}`, account);
      const entries = await list(`/v1/accounts/${id}/entries`, entry);
      expect({ held, seq, balance }).toEqual({
        held: 0,
        seq: entries.length,
        balance: entries[0]?.balance ?? 0,
      });
      const own = new Set(entries.map(({ transaction }) => transaction).filter((one) => made.has(one)));
      const listed = await list(`/v1/transactions?account=${id}&reference=${REFERENCE}`, created);
      expect(listed.map((one) => one.id).toSorted()).toEqual([...own].toSorted());
      expect(entries.filter(({ transaction }) => !made.has(transaction))).toHaveLength(1);
      const { saldo, ultimas_transacoes: latest } = await get(`/clientes/${id}/extrato`, statement);
      expect(saldo.total).toBe(balance);
      expect(latest.map(({ valor, tipo }) => (tipo === "c" ? valor : -valor))).toEqual(
        entries.slice(0, latest.length).map(({ amount }) => amount),
      );
    }
    const [id = ""] = ids;
    expect(await get(`/v1/transactions/${id}`, created)).toEqual(answeredOf(id));
  });

  test("events tell it once for each shard, with that shard's accounts; of one account each comes once", async () => {
    const event = z.object({
      type: z.string(),
      data: z.object({ id: z.string(), accounts: z.record(z.string(), account).optional() }),
    });
    const events = await follow("/v1/events?type=transaction.created", event);
    const told = new Map<string, string[]>();
    for (const { data } of events)
      told.set(data.id, [...(told.get(data.id) ?? []), ...Object.keys(data.accounts ?? {})]);
    for (const [id, { postings }] of made) {
      const named = new Set(
        z
          .array(z.object({ from: z.string(), to: z.string() }))
          .parse(postings)
          .flatMap(({ from, to }) => [from, to]),
      );
      expect([id, told.get(id)?.toSorted()]).toEqual([id, [...named].toSorted()]);
    }
    for (const of of ACCOUNTS) {
      const own = await follow(`/v1/events?type=transaction.created&account=${of}`, event);
      expect(own.every(({ data }) => Object.keys(data.accounts ?? {}).includes(of))).toBe(true);
      expect(new Set(own.map(({ data }) => data.id)).size).toBe(own.length);
    }
  });

  async function follow<Event>(path: string, event: z.ZodType<Event>): Promise<Event[]> {
    const all: Event[] = [];
    for (let after = ""; ;) {
      const { data, next } = await get(
        `${path}${after}`,
        z.object({ data: z.array(event), next: z.string() }),
      );
      all.push(...data);
      if (data.length === 0 && after === `&after=${next}`) return all;
      after = `&after=${next}`;
    }
  }

  test("a hold that is captured for another shard, and what takes it back, are told on both", async () => {
    const [from = "", to = ""] = ACCOUNTS;
    const ask = async (path: string, body?: object) => {
      const answer = await answerOf("POST", path, body);
      expect([path, answer.status]).toEqual([
        path,
        path === "/v1/holds" || path.endsWith("/reversal") ? 201 : 200,
      ]);
      return z.object({ id: z.string() }).parse(answer.body);
    };
    const hold = await ask("/v1/holds", { from, to, amount: 30 });
    const { transaction } = z
      .object({ transaction: z.string() })
      .parse((await answerOf("POST", `/v1/holds/${hold.id}/capture`, { amount: 20 })).body);
    const reversal = await ask(`/v1/transactions/${transaction}/reversal`);
    const read = z.object({
      id: z.string(),
      hold: z.string().nullable(),
      reversed_by: z.string().nullable(),
    });
    expect(await get(`/v1/transactions/${transaction}`, read)).toEqual({
      id: transaction,
      hold: hold.id,
      reversed_by: reversal.id,
    });
    const seen = z.object({ id: z.string(), hold: z.string().nullable(), reverses: z.string().nullable() });
    await eventually("both are in the books of both", async () => {
      const [one, other] = await Promise.all(
        [from, to].map((id) => list(`/v1/transactions?account=${id}`, seen)),
      );
      return one?.[0]?.id === reversal.id && other?.[0]?.id === reversal.id;
    });
    const expected = [
      { id: reversal.id, hold: null, reverses: transaction },
      { id: transaction, hold: hold.id, reverses: null },
    ];
    for (const id of [from, to]) {
      const shown = await list(`/v1/transactions?account=${id}`, seen);
      expect([id, shown.slice(0, 2)]).toEqual([id, expected]);
      const entries = await list(
        `/v1/accounts/${id}/entries`,
        z.object({ transaction: z.string(), amount: z.number() }),
      );
      expect(entries.slice(0, 2).map((entry) => [entry.transaction, Math.abs(entry.amount)])).toEqual([
        [reversal.id, 20],
        [transaction, 20],
      ]);
    }
    const all = await list("/v1/transactions", seen);
    expect(all.filter(({ id }) => id === transaction || id === reversal.id)).toHaveLength(2);
    expect(
      await list("/v1/holds", z.object({ id: z.string(), state: z.string(), transaction: z.string() })),
    ).toEqual([{ id: hold.id, state: "captured", transaction }]);
    const event = z.object({
      type: z.string(),
      data: z.object({ id: z.string(), transaction: z.string().optional() }),
    });
    const told = (await follow("/v1/events?type=hold.captured,transaction.created", event)).flatMap(
      ({ type, data }) =>
        [hold.id, transaction, reversal.id].includes(data.id) ? [`${type} ${data.id}`] : [],
    );
    expect(told.toSorted()).toEqual(
      [
        `hold.captured ${hold.id}`,
        `transaction.created ${transaction}`,
        `transaction.created ${reversal.id}`,
        `transaction.created ${reversal.id}`,
      ].toSorted(),
    );
  });

  test.skipIf(programsMissing !== null)("an export has the ledger's balances", async () => {
    const journal = new BookJournal(cluster.databaseUrl, "test export");
    using folder = temporaryFolder();
    try {
      for (const [program, { format, read }] of Object.entries(READERS)) {
        if (format !== "ledger") continue;
        let text = "";
        await exportEvents(journal, undefined, formatNamed(format, journal), (piece) => {
          text += piece;
        });
        const file = join(folder.path, `all.${program}`);
        writeFileSync(file, text);
        const found = read(file);
        for (const id of ACCOUNTS) {
          const { balance } = await get(`/v1/accounts/${id}`, account);
          const one = found.get(ledgerAccount(id));
          const cents = (one?.digits ?? 0n) * 10n ** BigInt(2 - (one?.decimals ?? 2));
          expect([id, cents]).toEqual([id, BigInt(balance)]);
        }
      }
    } finally {
      await journal.close();
    }
  });
});
