import { connectPostgres } from "../../../src/keep/postgres-client.ts";
import { eventually } from "../../support/eventually.ts";
import { journalFaults } from "../../support/kept-journal.ts";
import type { Answered } from "./answered-load.ts";

const DIFFERENCES_SHOWN = 10;

interface Kept {
  readonly command: string;
  readonly place: string;
  readonly account: string;
  readonly seq: number;
  readonly balance: number;
}

/**
 * What differs between the books and what was answered: nothing, where each answer is there once, as it was told, and
 * nothing else is. Waits until the books have as many entries.
 */
export async function differencesFrom(
  databaseUrl: string,
  answered: ReadonlyMap<string, Answered>,
): Promise<string[]> {
  const sql = connectPostgres({ url: databaseUrl, name: "test", connections_max: 1 });
  try {
    let count = -1;
    await eventually(
      "the books have all that was answered",
      async () => {
        const [row] = await sql<{ count: number }[]>`SELECT count(*)::int AS count FROM entries`;
        count = row?.count ?? -1;
        return count >= answered.size;
      },
      () => [count, answered.size],
      90_000,
    );
    const kept = await sql<Kept[]>`
      SELECT command, 't' || shard || '-' || g || '-' || event || '-' AS place, account, seq, balance
      FROM entries ORDER BY account, seq`;
    const found = kept.flatMap((entry) => {
      const told = answered.get(entry.command.replace(/^.*key:/, ""));
      return told !== undefined && isSame(told, entry) ? [] : [JSON.stringify({ told, entry })];
    });
    if (new Set(kept.map(({ command }) => command)).size !== kept.length)
      found.push("a command is there twice");
    if (kept.length !== answered.size) found.push(`${kept.length} entries, not ${answered.size}`);
    return [...found, ...(await journalFaults(sql))].slice(0, DIFFERENCES_SHOWN);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function isSame(told: Answered, { place, account, seq, balance }: Kept): boolean {
  return (
    told.id.startsWith(place) && told.account === account && told.seq === seq && told.balance === balance
  );
}
