import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Filler } from "../../proof/bench/fill.ts";
import { filledAccountId } from "../../proof/bench/filled-account-id.ts";
import { type StackTarget, startStackTarget, THIS_CHECKOUT } from "../../proof/bench/stack-target.ts";
import { COMMANDS_UNDER_TEST, runAudit } from "../../proof/torture/system/cli-tools.ts";
import { connectRedis, headKey } from "../../src/decide/redis-client.ts";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import type { Account } from "../../src/ledger/account.ts";
import { formatRow } from "../../src/ledger/event.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** What is filled in must look as if it had come through the API. Otherwise its cost would be different. */

failOnLeaks();
setDefaultTimeout(120_000);

const ACCOUNTS = 40;
const FILLED = 20;
const EACH = 29;

describe.skipIf(serversMissing !== null)("a ledger that was filled", () => {
  const folder = temporaryFolder();
  let stack: StackTarget;
  const url = (path: string): string => `${stack.url}/clientes/${path}`;
  const get = async (path: string): Promise<Record<string, unknown>> =>
    Object(await (await fetch(url(path))).json());
  const transact = async (number: number, tipo: "c" | "d", valor: number): Promise<number> => {
    const body = JSON.stringify({ valor, tipo, descricao: "after" });
    const path = url(`${filledAccountId(number)}/transacoes`);
    const response = await fetch(path, { method: "POST", body });
    expect(response.status).toBe(200);
    return Number(Object(await response.json()).saldo);
  };

  beforeAll(async () => {
    stack = await startStackTarget("filled", THIS_CHECKOUT, { folder: folder.path, group: null });
    // Earlier entries, before the filled ones.
    for (let round = 0; round < 3; round += 1) await transact(1, "c", 100);
    await transact(2, "d", 70);
    await stack.settle();
    await using filler = await Filler.connect(stack.description());
    await filler.accounts(ACCOUNTS);
    await filler.entries(1, FILLED, EACH);
  }, 120_000);
  afterAll(async () => {
    await stack?.stop();
    folder[Symbol.dispose]();
  }, 60_000);

  test("statements and histories show what was filled in, on top of what was there", async () => {
    const statement = await get("1/extrato");
    expect(statement["saldo"]).toMatchObject({ total: 300 + EACH });
    const latest = { valor: 1, tipo: "c", descricao: "fill" };
    expect(statement["ultimas_transacoes"]).toMatchObject(Array.from({ length: 10 }, () => latest));
    const { data } = Object(await (await fetch(`${stack.url}/v1/accounts/1/entries?limit=100`)).json());
    const seqs = Object.values(Object(data)).map((entry) => Number(Object(entry).seq));
    expect(seqs).toEqual(Array.from({ length: 3 + EACH }, (_, index) => 3 + EACH - index));
    expect(await get("2/extrato")).toMatchObject({ saldo: { total: EACH - 70 } });
    expect(await get(`${filledAccountId(ACCOUNTS)}/extrato`)).toMatchObject({
      saldo: { total: 0 },
      ultimas_transacoes: [],
    });
  });

  test("the audit agrees", async () => {
    const { databaseUrl, redisUrl, natsUrl } = stack.description();
    const servers = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, NATS_URL: natsUrl };
    expect(await runAudit(COMMANDS_UNDER_TEST.audit, { ...servers, DURABILITY: "relaxed" })).toBeNull();
  });

  test("works on: transactions of filled accounts come into the books, and new accounts get ids as long as theirs", async () => {
    expect(await transact(1, "d", EACH)).toBe(300);
    expect(await transact(FILLED, "c", 5)).toBe(EACH + 5);
    expect(await transact(ACCOUNTS, "d", 5)).toBe(-5);
    const opened = await fetch(`${stack.url}/v1/accounts`, {
      method: "POST",
      body: '{"unit":"BRL/2","credit_limit":1}',
    });
    expect(opened.status).toBe(201);
    expect(opened.headers.get("location")).toHaveLength(`/v1/accounts/${filledAccountId(ACCOUNTS)}`.length);
    // If the books differed, the writer would have stopped, and this would never end.
    await stack.settle();
  });

  test("has the same data in Redis and in the books, with consistent balances and rising times", async () => {
    await stack.settle();
    const { databaseUrl, redisUrl } = stack.description();
    const sql = connectPostgres({ url: databaseUrl, name: "test", connections_max: 1 });
    const redis = connectRedis(redisUrl, () => {});
    await redis.connect();
    try {
      const broken = await sql`
        SELECT * FROM (
          SELECT account, seq, balance, time, kind, value,
            lag(seq, 1, 0::bigint) OVER one AS seq_before, lag(balance, 1, 0::bigint) OVER one AS balance_before,
            lag(time, 1, 0::bigint) OVER one AS time_before
          FROM entries WINDOW one AS (PARTITION BY account ORDER BY seq)
        ) AS e
        WHERE seq <> seq_before + 1 OR time <= time_before
          OR balance <> balance_before + CASE kind WHEN 'credit' THEN value ELSE -value END`;
      expect([...broken]).toEqual([]);
      const accounts = await sql<(Account & { entered: number; limits: number })[]>`
        SELECT a.account AS id, a.unit, a.state, a.credit_limit AS "creditLimit", a.balance, a.held, a.seq,
          coalesce(max(e.time), a.opened_at) AS time, a.opened_at AS "openedAt", coalesce(max(e.seq), 0::bigint) AS entered,
          (SELECT count(*) FROM limits AS l WHERE l.account = a.account) AS limits
        FROM accounts AS a LEFT JOIN entries AS e USING (account) GROUP BY a.account ORDER BY a.account`;
      expect(accounts.slice(0, ACCOUNTS).map(({ id }) => id)).toEqual(
        Array.from({ length: ACCOUNTS }, (_, index) => filledAccountId(index + 1)),
      );
      expect(accounts).toHaveLength(ACCOUNTS + 1);
      for (const { entered, limits, ...account } of accounts) {
        const { id, seq } = account;
        expect([entered, limits]).toEqual([seq, 1]);
        expect(await redis.get(headKey(0).replace("head", `account:${id}`))).toBe(formatRow(account));
        // As many as there are after one entry at a time, of which every eighth shortens the statement to 10.
        const shown = 10 + (seq % 8);
        const latest = await sql`
          SELECT left(kind, 1) AS kind, account, seq, time, value, balance, credit_limit, command, description
          FROM entries WHERE account = ${id} ORDER BY seq DESC LIMIT ${shown}`;
        const statement = await redis.zRange(headKey(0).replace("head", `statement:${id}`), 0, -1, {
          REV: true,
        });
        expect(statement).toEqual(latest.map((row) => Object.values(row).join(" ")));
      }
    } finally {
      redis.destroy();
      await sql.end();
    }
  });

  test("is ready again after a stop, and after everything was killed at once", async () => {
    for (const end of [() => stack.stop(), () => stack.kill()]) {
      await end();
      stack = await startStackTarget("filled", THIS_CHECKOUT, { folder: folder.path, group: null });
      expect(stack.readySeconds).toBeGreaterThan(0);
      expect(await get(`${filledAccountId(FILLED)}/extrato`)).toMatchObject({ saldo: { total: EACH + 5 } });
    }
  });
});
