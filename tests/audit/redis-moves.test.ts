import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { z } from "zod";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { AuditedCluster } from "./support/audited-cluster.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const made = z.object({ id: z.string() });
const PREFIX = "razonete:{0}:";
const EXPIRIES = `${PREFIX}expiries`;

describe.skipIf(serversMissing !== null)(
  "an audit of a cluster finds of holds and reversals in Redis",
  () => {
    let system: AuditedCluster;

    /** Each in a batch of its own. */
    async function makeMoves() {
      const post = async (path: string, body: object) => made.parse(await system.call("POST", path, body)).id;
      const postings = [{ from: "payer", to: "payee", amount: 5 }];
      const original = await post("/v1/transactions", { postings });
      const reversal = await post(`/v1/transactions/${original}/reversal`, {});
      const expired = await post("/v1/holds", { from: "payer", amount: 7, expires_in: 1 });
      const captured = await post("/v1/holds", { from: "payer", amount: 30 });
      const metadata = { order: "7" };
      const open = await post("/v1/holds", { from: "payer", to: "payee", amount: 10, metadata });
      await system.call("POST", `/v1/holds/${captured}/capture`, { amount: 25, to: "payee" });
      return { original, reversal, expired, captured, open };
    }

    let moves: Awaited<ReturnType<typeof makeMoves>>;

    beforeAll(async () => {
      system = await AuditedCluster.start();
      for (const id of ["payer", "payee"]) await system.open(900, null, { id });
      moves = await makeMoves();
      await eventually("the hold has expired", async () => {
        const [row] = await system.books.sql`SELECT FROM holds WHERE state = 'expired'`;
        return row !== undefined;
      });
      await system.books.drained();
      await Promise.all(system.cluster.writers.map((writer) => writer.stop()));
    });

    afterAll(() => system[Symbol.asyncDispose]());

    const redis = (...command: readonly string[]) => system.cluster.redisCommand(...command);

    /** What the audit says after these commands. They are undone afterwards. */
    async function found(...damage: readonly (readonly string[])[]): Promise<string[]> {
      const keys = [EXPIRIES, ...Object.values(moves).map((id) => `${PREFIX}hold:${id}`)];
      keys.push(`${PREFIX}reversed:${moves.original}`);
      for (const key of keys) await redis("COPY", key, `saved:${key}`, "REPLACE");
      try {
        for (const command of damage) await redis(...command);
        const { findings } = await system.audit();
        return findings.map(({ name, account, detail }) => `${name} ${account}: ${detail}`);
      } finally {
        for (const key of keys) {
          const there = (await redis("EXISTS", `saved:${key}`)) === 1;
          await redis(...(there ? ["RENAME", `saved:${key}`, key] : ["DEL", key]));
        }
      }
    }

    const of = "redis-differs payer: Redis";

    /** The same with what the books have, and with what only the outbox has. */
    function theTests(): void {
      test("nothing, where all is right", async () => {
        expect(await found()).toEqual([]);
      });

      test("an open hold that is missing, changed, or there as ended", async () => {
        const key = `${PREFIX}hold:${moves.open}`;
        const row = String(await redis("GET", key));
        expect(await found(["DEL", key])).toEqual([
          `${of} does not have the hold ${moves.open}, which is open`,
        ]);
        expect(await found(["DEL", key], ["HSET", key, "a", "b"])).toHaveLength(1);
        const changes = [
          row.replace(" 10 ", " 11 "),
          row.replace("payee", "payer"),
          row.replace("7", "8"),
          "x",
        ];
        for (const changed of [...changes, row.replace("open", "released")])
          expect(await found(["SET", key, changed])).toEqual([
            `${of} has the hold ${moves.open} as ${JSON.stringify(changed.slice(0, 120))}, books and outbox have ` +
              JSON.stringify(row.slice(0, 120)),
          ]);
      });

      test("a hold that is there as open though it ended, is missing, or that nobody else knows", async () => {
        const key = `${PREFIX}hold:${moves.captured}`;
        const row = String(await redis("GET", key));
        const reopened = row.replace(/^captured (\S+ \S+ \S+) 25 (\S+ \S+) \S+/, "open $1 0 $2 -");
        expect(await found(["SET", key, reopened])).toEqual([
          `${of} has the hold ${moves.captured} as ${JSON.stringify(reopened)}, books and outbox have ${JSON.stringify(row)}`,
        ]);
        expect(await found(["DEL", key])).toEqual([
          `${of} does not have the hold ${moves.captured}, which has ended less than a day ago`,
        ]);
        for (const id of ["h0-3-0-77", "nonsense"]) {
          const added = await found(["SET", `${PREFIX}hold:${id}`, reopened]);
          await redis("DEL", `${PREFIX}hold:${id}`);
          expect(added).toEqual([
            `redis-differs null: Redis has the hold ${id}, neither the books nor the outbox do`,
          ]);
        }
      });

      test("an expiry that is missing, changed, there though the hold ended, or of nobody", async () => {
        const missing = `${of} has no expiry of the hold ${moves.open}, which is open: it would be held for ever`;
        expect(await found(["ZREM", EXPIRIES, moves.open])).toEqual([missing]);
        expect(await found(["DEL", EXPIRIES], ["SET", EXPIRIES, "x"])).toContain(missing);
        expect(await found(["ZADD", EXPIRIES, "9000000000000000", moves.open])).toEqual([
          expect.stringContaining(
            `${of} lets the hold ${moves.open} expire at 9000000000000000, books and outbox at `,
          ),
        ]);
        for (const id of [moves.captured, moves.expired])
          expect(await found(["ZADD", EXPIRIES, "9000000000000000", id])).toEqual([
            `${of} has an expiry of the hold ${id}, which has ended`,
          ]);
        expect(await found(["ZADD", EXPIRIES, "9000000000000000", "h0-3-0-77"])).toEqual([
          "redis-differs null: Redis has an expiry of the hold h0-3-0-77, neither the books nor the outbox do",
        ]);
      });

      test("a reversal that is missing, another one, or of nobody", async () => {
        const key = `${PREFIX}reversed:${moves.original}`;
        expect(await found(["DEL", key])).toEqual([
          `redis-differs null: Redis does not know that the transaction ${moves.original} was reversed, by ${moves.reversal}`,
        ]);
        expect(await found(["SET", key, "t0-1-0-1"])).toEqual([
          `redis-differs null: Redis has "t0-1-0-1" as the reversal of ${moves.original}, books and outbox have ${moves.reversal}`,
        ]);
        const other = `${PREFIX}reversed:${moves.reversal}`;
        const added = await found(["SET", other, moves.original]);
        await redis("DEL", other);
        expect(added).toEqual([
          `redis-differs null: Redis has "${moves.original}" as the reversal of ${moves.reversal}, books and outbox know of none`,
        ]);
      });

      test("several holds of one account, each", async () => {
        const keys = [moves.open, moves.captured].map((id) => `${PREFIX}hold:${id}`);
        expect(await found(["DEL", ...keys], ["ZREM", EXPIRIES, moves.open])).toHaveLength(3);
      });
    }

    describe("that the books have", () => {
      theTests();

      test("what ended more than a day ago may be forgotten", async () => {
        const { sql } = system.books;
        const day = 86_400_000_000;
        const ago = `UPDATE holds SET ended_at = ended_at - ${day}, expires_at = expires_at - ${day} WHERE state = 'captured';
        UPDATE reversals SET time = time - ${day}`;
        await sql.unsafe(ago);
        try {
          const gone = ["DEL", `${PREFIX}hold:${moves.captured}`, `${PREFIX}reversed:${moves.original}`];
          expect((await found(gone)).filter((text) => text.startsWith("redis"))).toEqual([]);
        } finally {
          await sql.unsafe(ago.replaceAll(`- ${day}`, `+ ${day}`));
        }
        expect(await found()).toEqual([]);
      });
    });

    describe("that only the outbox has", () => {
      let inBooks: Awaited<ReturnType<typeof makeMoves>>;

      beforeAll(async () => {
        inBooks = moves;
        moves = await makeMoves();
        // The writer is who sweeps: so a decision has to end it.
        await Bun.sleep(1_200);
        await system.credit(1, 1);
      });

      theTests();

      test("of a hold that the books have as open, and the outbox has ended", async () => {
        await system.call("POST", `/v1/holds/${inBooks.open}/release`, {});
        expect(await found()).toEqual([]);
        const key = `${PREFIX}hold:${inBooks.open}`;
        const row = String(await redis("GET", key));
        const reopened = row.replace("released", "open");
        const before = { ...moves };
        moves = { ...moves, open: inBooks.open };
        try {
          expect(
            await found(["SET", key, reopened], ["ZADD", EXPIRIES, "9000000000000000", inBooks.open]),
          ).toEqual([
            expect.stringContaining(`${of} has the hold ${inBooks.open} as `),
            `${of} has an expiry of the hold ${inBooks.open}, which has ended`,
          ]);
        } finally {
          moves = before;
        }
      });
    });
  },
);
