import { z } from "zod";
import { connectPostgres, type Sql } from "../../src/keep/postgres-client.ts";
import type { Cluster } from "./cluster.ts";
import { eventually } from "./eventually.ts";
import type { KeptEntry } from "./answer-log.ts";
import { journalFaults } from "./kept-journal.ts";

const outboxState = z.object({ g: z.coerce.number(), length: z.number() });

/** What PostgreSQL holds, looked at from outside. */
export class KeptBooks {
  readonly sql: Sql;
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.sql = connectPostgres({ url: cluster.databaseUrl, name: "test", connections_max: 2 });
  }

  async close(): Promise<void> {
    await this.sql.end({ timeout: 1 });
  }

  /** Until every batch of each shard is kept, and the outboxes are empty. */
  async drained(): Promise<void> {
    for (let shard = 0; shard < this.#cluster.shards; shard += 1)
      await eventually(`the books hold what is in the outbox of shard ${shard}`, async () => {
        const { g, length } = await this.outbox(shard);
        return length === 0 && (await this.lastG(shard)) === g;
      });
  }

  /** Of a shard: the latest batch, and how many have not been trimmed yet. */
  async outbox(shard = 0): Promise<{ readonly g: number; readonly length: number }> {
    const [g, length] = [
      await this.#cluster.redisCommand("HGET", `razonete:{${shard}}:head`, "g"),
      await this.#cluster.redisCommand("XLEN", `razonete:{${shard}}:outbox`),
    ];
    return outboxState.parse({ g, length });
  }

  async lastG(shard = 0): Promise<number> {
    const [row] = await this.sql<{ last_g: number }[]>`SELECT last_g FROM cursors WHERE shard = ${shard}`;
    return row?.last_g ?? -1;
  }

  async entries(): Promise<readonly KeptEntry[]> {
    return this.sql<KeptEntry[]>`
      SELECT account, seq, CASE kind WHEN 'credit' THEN value ELSE -value END AS amount, balance, description
      FROM entries ORDER BY account, seq`;
  }

  /** What is wrong in the books by themselves, as lines: nothing, where all is well. */
  async faults(): Promise<string[]> {
    const chains = await this.sql`
      SELECT account, seq FROM (
        SELECT account, seq, time, balance - CASE kind WHEN 'credit' THEN value ELSE -value END AS before,
          lag(balance, 1, 0::bigint) OVER w AS balance_before, lag(seq, 1, 0::bigint) OVER w AS seq_before,
          lag(time, 1, 0::bigint) OVER w AS time_before
        FROM entries WINDOW w AS (PARTITION BY account ORDER BY seq)
      ) AS chain WHERE before <> balance_before OR seq <> seq_before + 1 OR time <= time_before`;
    const accounts = await this.sql`
      SELECT account, a.balance, a.seq, e.balance AS latest, e.seq AS latest_seq
      FROM accounts AS a LEFT JOIN LATERAL (
        SELECT balance, seq FROM entries WHERE account = a.account ORDER BY seq DESC LIMIT 1
      ) AS e ON true
      WHERE (a.balance, a.seq) IS DISTINCT FROM (coalesce(e.balance, 0), coalesce(e.seq, 0))`;
    const doubled = await this.sql`
      SELECT command FROM entries GROUP BY command HAVING count(DISTINCT (shard, g, event)) > 1`;
    return [
      ...chains.map((row) => `the chain breaks: ${JSON.stringify(row)}`),
      ...accounts.map((row) => `an account is not as its latest entry: ${JSON.stringify(row)}`),
      ...doubled.map((row) => `a command was applied twice: ${JSON.stringify(row)}`),
      ...(await journalFaults(this.sql)),
    ];
  }
}
