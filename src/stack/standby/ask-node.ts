import { messageOf } from "../../errors.ts";
import { connectPostgres, type Sql } from "../../keep/postgres-client.ts";
import { withTimeout } from "../../keep/query-timeout.ts";
import { applicationOf, type PostgresNode } from "./pair-plan.ts";

/** What one of the two PostgreSQL says of itself; null: it does not answer. */
export type NodeState =
  { readonly role: "standby" } | { readonly role: "primary"; readonly isFollowed: boolean } | null;

const ANSWER_MILLISECONDS_MAX = 2_000;

/** Over a connection of its own: a server that takes none is of no use to a process that starts. */
export async function askNode(node: PostgresNode, other: PostgresNode): Promise<NodeState> {
  try {
    const [row] = await withNode(
      node,
      (sql) =>
        sql<{ standby: boolean; followed: boolean }[]>`
        SELECT pg_is_in_recovery() AS standby, EXISTS (
          SELECT FROM pg_stat_replication
          WHERE application_name = ${applicationOf(other)} AND state = 'streaming' AND sync_state IN ('quorum', 'sync')
        ) AS followed`,
    );
    if (row === undefined) return null;
    return row.standby ? { role: "standby" } : { role: "primary", isFollowed: row.followed };
  } catch {
    return null;
  }
}

/**
 * Makes a standby the primary, once it has read all that it was sent.
 *
 * @throws Error if it does not become one
 */
export async function promote(node: PostgresNode): Promise<void> {
  const seconds = 60;
  const [row] = await withNode(
    node,
    (sql) => sql<{ done: boolean }[]>`SELECT pg_promote(true, ${seconds}) AS done`,
    seconds * 1000 + ANSWER_MILLISECONDS_MAX,
  );
  if (row?.done !== true) throw new Error(`${node.name} was not promoted within ${seconds} s`);
}

/** So that who compares its folder with another one's finds it as it is. */
export async function checkpoint(node: PostgresNode): Promise<void> {
  await withNode(node, (sql) => sql`CHECKPOINT`, 60_000);
}

async function withNode<T>(
  { name, url }: PostgresNode,
  use: (sql: Sql) => PromiseLike<T>,
  milliseconds = ANSWER_MILLISECONDS_MAX,
): Promise<T> {
  const sql = connectPostgres({ url, name: "razonete stack", connections_max: 1 });
  try {
    return await withTimeout(use(sql), () => {}, milliseconds);
  } catch (error) {
    // The driver's own words do not say of whom they are.
    throw new Error(`${name} does not do what it is told (${messageOf(error)})`, { cause: error });
  } finally {
    await sql.end({ timeout: 0 });
  }
}
