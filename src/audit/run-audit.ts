import { auditCluster } from "./audit-cluster.ts";
import { auditFile } from "./embedded/audit-file.ts";
import { ProgressBar } from "./progress.ts";
import type { AuditReport } from "./report/audit-report.ts";
import { describeReport } from "./report/report-text.ts";
import { chooseAuditTarget, type AuditTarget, type AuditTargetFlags } from "./audit-target.ts";

export interface AuditFlags extends AuditTargetFlags {
  readonly json?: boolean;
}

/**
 * Audits what the flags name and prints the report.
 *
 * @returns whether everything agrees
 * @throws StartError with exit code 2 if something could not be read
 */
export async function runAudit(flags: AuditFlags): Promise<boolean> {
  const target = chooseAuditTarget(flags);
  const progress = new ProgressBar();
  let report: AuditReport;
  try {
    report = await audit(target, (done, all) => progress.update(done, all));
  } finally {
    progress.stop();
  }
  console.log(flags.json === true ? JSON.stringify(report, null, 2) : describeReport(report, target.where));
  return report.agreed;
}

function audit(target: AuditTarget, onProgress: (done: number, all: number) => void): Promise<AuditReport> {
  switch (target.type) {
    case "cluster":
      return auditCluster({ ...target.servers, onProgress });
    case "file":
      return auditFile(target.path, onProgress);
  }
}
