import { checkAccounts, checkCommands } from "./books/books-accounts.ts";
import { checkChains } from "./books/books-chains.ts";
import { passOver } from "./books/books-full-scan.ts";
import { connectBooks, inSnapshot } from "./books/books-snapshot.ts";
import { bounds } from "../bounds.ts";
import { readSystem } from "./books/books-metadata.ts";
import { CompareRedis } from "./redis/compare-redis.ts";
import { Findings } from "./findings.ts";
import { looking, POSTGRES, REDIS } from "./unreachable-server.ts";
import { RedisSide } from "./redis/redis-reader.ts";
import type { AuditReport } from "./report/audit-report.ts";
import { Work } from "./progress-estimate.ts";

export interface AuditClusterOptions {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** `null`: the feed is not looked at. */
  readonly natsUrl: string | null;
  /**
   * For the restore, which audits before it lets the APIs in: that the books do not call Redis loaded yet, and that the
   * restore is not finished, is no finding.
   */
  readonly duringRestore?: boolean;
  /** How much is done, and about how much there is to do; see {@link Work}. */
  readonly onProgress?: (done: number, all: number) => void;
}

/**
 * Audits a cluster, also while it works, and changes nothing.
 *
 * First one moment of the books by itself; then Redis, the feed and the outbox; then the books of a later moment, which
 * have everything that the outbox no longer had. What was decided before Redis was read is so in one of the two.
 *
 * @throws StartError with exit code 2 where one of the servers cannot be looked at
 */
export async function auditCluster(options: AuditClusterOptions): Promise<AuditReport> {
  const began = performance.now();
  const findings = new Findings();
  const work = new Work(options.onProgress ?? (() => {}));
  const sql = connectBooks(options.databaseUrl);
  let redis: RedisSide | null = null;
  try {
    redis = await looking(REDIS, RedisSide.connect(options.redisUrl));
    const books = await looking(
      POSTGRES,
      inSnapshot(sql, async (snapshot) => {
        const system = await readSystem(snapshot, findings, options.duringRestore === true);
        const { entries, accounts, odd, doubled } = await passOver(snapshot, work);
        for (let at = 0; at < odd.length; at += bounds.audit_odd_accounts) {
          const some = odd.slice(at, at + bounds.audit_odd_accounts);
          await checkAccounts(snapshot, some, findings);
          await checkChains(snapshot, some, findings);
        }
        await checkCommands(snapshot, doubled, findings);
        return { system, entries, accounts };
      }),
    );
    const comparison = new CompareRedis({ sql, redis, system: books.system, findings, work });
    const compared = await comparison.compare(options.natsUrl);
    return {
      agreed: findings.count === 0,
      system: "cluster",
      counts: { accounts: books.accounts, entries: books.entries, ...compared },
      seconds: (performance.now() - began) / 1000,
      findings: findings.told,
      findingsInAll: findings.count,
    };
  } finally {
    redis?.close();
    await sql.end({ timeout: 1 });
  }
}
