import { messageOf, StartError } from "../errors.ts";
import { formatHeads, type JournalHead, parseHeads } from "../ledger/journal.ts";
import { auditCluster } from "./audit-cluster.ts";
import { type AuditNote, noteBesideFile, noteInBooks } from "./audit-note.ts";
import type { AuditOptions } from "./audit-options.ts";
import { auditFile } from "./embedded/audit-file.ts";
import { ProgressBar } from "./progress.ts";
import type { AuditReport } from "./report/audit-report.ts";
import { describeReport } from "./report/report-text.ts";
import { chooseLedgerTarget, type LedgerTarget, type LedgerTargetFlags } from "../stack/ledger-target.ts";
import { requireTrusted } from "../tls/require-trusted.ts";
import { CANNOT_AUDIT } from "./unreachable-server.ts";

export interface AuditFlags extends LedgerTargetFlags {
  readonly json?: boolean;
  /** Prints where the journal ends, to be noted elsewhere. */
  readonly head?: boolean;
  /** What `head` printed earlier. */
  readonly since?: string;
}

/**
 * Audits what the flags name and prints the report, or the heads.
 *
 * @returns whether everything agrees
 * @throws StartError with exit code 2 if something could not be read
 */
export async function runAudit(flags: AuditFlags): Promise<boolean> {
  const since = flags.since === undefined ? null : headsIn(flags.since);
  const target = chooseTarget(flags);
  const progress = new ProgressBar();
  let report: AuditReport;
  try {
    report = await audit(target, { since, onProgress: (done, all) => progress.update(done, all) });
  } finally {
    progress.stop();
  }
  await note(target, report);
  const heads = formatHeads(report.heads);
  if (flags.json === true) console.log(JSON.stringify({ ...report, heads }, null, 2));
  else if (flags.head !== true) console.log(describeReport(report, target.where));
  else if (report.agreed) console.log(heads);
  // The head of a journal that does not agree is not one to be trusted later.
  else console.error(describeReport(report, target.where));
  return report.agreed;
}

/** For those who look after the ledger. What the audit found counts, whether it can be noted or not. */
async function note(target: LedgerTarget, report: AuditReport): Promise<void> {
  const { agreed, findingsInAll: findings, seconds } = report;
  const about: AuditNote = { finishedAt: Date.now() / 1000, agreed, findings, seconds };
  try {
    if (target.type === "file") noteBesideFile(target.path, about);
    else await noteInBooks(target.servers.databaseUrl, about);
  } catch (error) {
    console.error(
      `razonete audit: that there was this audit could not be noted (${messageOf(error)}): metrics tell of the one before.`,
    );
  }
}

/** @throws StartError with exit code 2 if there is nothing to audit */
function chooseTarget(flags: LedgerTargetFlags): LedgerTarget {
  let target: LedgerTarget | null;
  try {
    target = chooseLedgerTarget(flags);
  } catch (error) {
    throw new StartError(messageOf(error), CANNOT_AUDIT);
  }
  if (target !== null) return target;
  throw new StartError(
    "there is nothing to audit here: set DATABASE_URL (REDIS_URL, NATS_URL) for a cluster, or give --stack <folder> " +
      "for a running stack, or --data <folder> for a data file.",
    CANNOT_AUDIT,
  );
}

/** @throws StartError with exit code 2 if the text is not what `--head` prints */
function headsIn(text: string): readonly JournalHead[] {
  const heads = parseHeads(text);
  if (heads !== null) return heads;
  throw new StartError(
    '--since has what is no head of a journal: give what "razonete audit --head" printed earlier.',
    CANNOT_AUDIT,
  );
}

async function audit(target: LedgerTarget, options: AuditOptions): Promise<AuditReport> {
  switch (target.type) {
    case "cluster":
      await requireTrusted(target.servers, CANNOT_AUDIT);
      return auditCluster({ ...target.servers, ...options });
    case "file":
      return auditFile(target.path, options);
  }
}
