import type { AuditReport, Finding } from "./audit-report.ts";

const MISSING = "-";
const GAP = "  ";

/** The report for a person: what was audited, the counts, and then "Agreed." or the table of findings. */
export function describeReport(report: AuditReport, where: string): string {
  const { counts } = report;
  const cluster = report.system === "cluster";
  const facts: [string, string][] = [
    ["looked at", where],
    ["accounts", count(counts.accounts)],
    ["entries", count(counts.entries)],
    ...(cluster
      ? ([
          ["outbox", `${count(counts.outboxEntries)} entries that the books do not have yet`],
          ["feed", `${count(counts.feedBatches)} batches`],
          ["statements", count(counts.statements)],
        ] satisfies [string, string][])
      : []),
    ["seconds", report.seconds.toFixed(1)],
  ];
  const lines = facts.map(([name, value]) => `${name.padEnd(12)}${value}`);
  return [...lines, "", ...(report.agreed ? ["Agreed."] : findings(report))].join("\n");
}

function findings({ findings: listed, findingsInAll }: AuditReport): string[] {
  const rows = [["finding", "account", "seq", "detail"], ...listed.map(cells)];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const table = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
  const rest = findingsInAll - listed.length;
  return [
    `Not agreed: ${count(findingsInAll)} finding${findingsInAll === 1 ? "" : "s"}.`,
    "",
    ...table,
    ...(rest > 0 ? [`and ${count(rest)} more`] : []),
  ];
}

function cells({ name, account, seq, detail }: Finding): string[] {
  // A detail may quote a description, which may contain anything.
  return [name, account ?? MISSING, String(seq ?? MISSING), detail.replaceAll(/\s+/g, " ")];
}

function count(number: number): string {
  return number.toLocaleString("en");
}
