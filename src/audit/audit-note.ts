import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { connectPostgres } from "../keep/postgres-client.ts";

/** What is noted of an audit, so that metrics and the console can tell of the last one. */
export interface AuditNote {
  /** In seconds since 1970. */
  readonly finishedAt: number;
  readonly agreed: boolean;
  readonly findings: number;
  /** How long it took. */
  readonly seconds: number;
}

const note = z.object({
  finishedAt: z.number(),
  agreed: z.boolean(),
  findings: z.int(),
  seconds: z.number(),
});

/** Beside the data file, whose audit changes nothing in it. */
const noteFile = (dataFile: string): string => `${dataFile}-audit.json`;

/** @throws Error if it cannot be written */
export function noteBesideFile(dataFile: string, about: AuditNote): void {
  const file = noteFile(dataFile);
  writeFileSync(`${file}.next`, `${JSON.stringify(about)}\n`, { mode: 0o600 });
  renameSync(`${file}.next`, file);
}

/** `null`: there was none, or it cannot be read. */
export function lastAuditOf(dataFile: string): AuditNote | null {
  try {
    return note.parse(JSON.parse(readFileSync(noteFile(dataFile), "utf8")));
  } catch {
    return null;
  }
}

/** @throws Error if the books do not take it */
export async function noteInBooks(databaseUrl: string, about: AuditNote): Promise<void> {
  const sql = connectPostgres({ url: databaseUrl, name: "razonete audit", connections_max: 1 });
  try {
    await sql`
      INSERT INTO audits (finished_at, agreed, findings, seconds)
      VALUES (to_timestamp(${about.finishedAt}), ${about.agreed}, ${about.findings}, ${about.seconds})`;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
