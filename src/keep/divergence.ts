import type { AccountId } from "../ledger/account.ts";
import { connectPostgres } from "./postgres-client.ts";
import { withTimeout } from "./query-timeout.ts";

/**
 * The books and the outbox contradict each other. No program may choose between them: the one that finds this stops,
 * and a person has to look at it.
 */
export class Divergence extends Error {
  readonly shard: number;
  /** The first of the batches that could not be kept. */
  readonly g: number;
  /** The account and seq in the books, if known. */
  readonly account: AccountId | null;
  readonly seq: number | null;

  constructor(place: { shard: number; g: number; account?: AccountId; seq?: number }, reason: string) {
    const where =
      place.account === undefined
        ? `shard ${place.shard}, batch ${place.g}`
        : `account ${place.account}, seq ${place.seq ?? "unknown"} (shard ${place.shard}, batch ${place.g})`;
    super(`the books differ from the outbox at ${where}: ${reason}`);
    this.name = "Divergence";
    this.shard = place.shard;
    this.g = place.g;
    this.account = place.account ?? null;
    this.seq = place.seq ?? null;
  }
}

/** The exit code of a process that stopped at a divergence: if it were restarted, it would find the same one. */
export const DIVERGENCE_EXIT_CODE = 65;

/**
 * Notes in the books where a writer stopped: it ends now, and cannot tell anybody later. The alarm is a line of its log;
 * so where this does not succeed, nothing more is said.
 */
export async function noteDivergence(databaseUrl: string, { shard, g, message }: Divergence): Promise<void> {
  const sql = connectPostgres({ url: databaseUrl, name: "razonete writer", connections_max: 1 });
  try {
    await withTimeout(sql`SELECT note_divergence(${shard}, ${g}, ${message})`, () => {});
  } catch {
    // PostgreSQL is away, too.
  } finally {
    await sql.end({ timeout: 0 });
  }
}
