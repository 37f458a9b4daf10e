import { randomBytes } from "node:crypto";
import type { AuditOptions } from "./audit-options.ts";
import { checkAccounts, checkCommands } from "./books/books-accounts.ts";
import { checkChains } from "./books/books-chains.ts";
import { checkHolds, checkReversals } from "./books/books-moves.ts";
import { checkTransits } from "./books/books-transits.ts";
import { AccountTable } from "./books/account-table.ts";
import { scanBooks } from "./books/books-full-scan.ts";
import { connectBooks, inSnapshot, measureBooks } from "./books/books-snapshot.ts";
import { readBooksMetadata } from "./books/books-metadata.ts";
import { CompareRedis } from "./redis/compare-redis.ts";
import { Findings } from "./findings.ts";
import { requireReachable, POSTGRES, REDIS } from "./unreachable-server.ts";
import { RedisReader } from "./redis/redis-reader.ts";
import type { AuditReport } from "./report/audit-report.ts";
import { COMPARISON_COST, ProgressEstimate } from "./progress-estimate.ts";
import { CompareJournal, eventsOf } from "./journal/compare-journal.ts";
import { TextHash } from "./journal/text-hash.ts";

export interface AuditClusterOptions extends AuditOptions {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** `null`: the feed is not audited. */
  readonly natsUrl: string | null;
  /**
   * For the restore, which audits before the APIs may use Redis: an unfinished restore, and a Redis that the books do not
   * call loaded yet, are not findings.
   */
  readonly duringRestore?: boolean;
}

/**
 * Audits a cluster, also while it works, and changes nothing.
 *
 * First it audits a snapshot of the books alone, with their journal. Then it reads Redis: an account that is there as in
 * that snapshot is right. For the others it reads the feed and the outbox, and after them a later snapshot of the books,
 * which has everything that was no longer in the outbox. So whatever was decided before Redis was read is either in the
 * outbox or in that snapshot.
 *
 * @throws StartError with exit code 2 if one of the servers cannot be read
 */
export async function auditCluster(options: AuditClusterOptions): Promise<AuditReport> {
  const startedAt = performance.now();
  const findings = new Findings();
  const progress = new ProgressEstimate(options.onProgress ?? (() => {}));
  const sql = connectBooks(options.databaseUrl);
  let redis: RedisReader | null = null;
  try {
    redis = await requireReachable(REDIS, RedisReader.connect(options.redisUrl));
    const books = await requireReachable(
      POSTGRES,
      inSnapshot(sql, async (snapshot) => {
        const system = await readBooksMetadata(snapshot, findings, options.duringRestore === true);
        const size = await measureBooks(snapshot);
        const { accounts } = size;
        progress.plan(eventsOf(size) + size.entries + size.limits + accounts + accounts * COMPARISON_COST);
        const hash = new TextHash(randomBytes(8).readBigInt64BE());
        const table = new AccountTable(accounts);
        const journal = new CompareJournal(snapshot, { size, accounts: table, hash }, findings);
        const heads = await journal.read(system.cursors, options.since ?? null, progress);
        const scan = await scanBooks(snapshot, { size, table, hash }, journal, progress);
        for await (const some of scan.accounts.suspicious(snapshot)) {
          await checkAccounts(snapshot, some, findings);
          await checkChains(snapshot, some, findings);
        }
        await checkCommands(snapshot, scan.duplicateMarks, hash, system.shards, findings);
        await checkHolds(snapshot, findings);
        await checkReversals(snapshot, findings);
        const awaited = await checkTransits(snapshot, system.shards, findings);
        await journal.finish();
        return { system, entries: scan.entries, accounts, heads, awaited, known: scan.accounts.known() };
      }),
    );
    const { system, known, awaited } = books;
    const comparison = new CompareRedis({ sql, redis, system, known, awaited, findings, progress });
    const compared = await comparison.compare(options.natsUrl);
    return {
      agreed: findings.count === 0,
      system: "cluster",
      counts: { accounts: books.accounts, entries: books.entries, ...compared },
      heads: books.heads,
      seconds: (performance.now() - startedAt) / 1000,
      findings: findings.listed,
      findingsInAll: findings.count,
    };
  } finally {
    redis?.close();
    await sql.end({ timeout: 1 });
  }
}
