import type { AuditReport } from "../../../src/audit/report/audit-report.ts";
import { type JournalHead, journalHash, type JournalRow } from "../../../src/ledger/journal.ts";
import { type AuditedCluster, places } from "./audited-cluster.ts";

const TABLES = ["accounts", "entries", "limits", "holds", "reversals", "cursors", "journal"];

/** SQL, or what else is done to the books. */
export type Damage = string | (() => Promise<void>);

type StoredRow = JournalRow & { readonly hash: Uint8Array };

/** The books of a cluster whose writers are stopped: they are damaged, audited, and put right again. */
export class DamagedBooks {
  readonly #system: AuditedCluster;

  constructor(system: AuditedCluster) {
    this.#system = system;
  }

  /** Places that the audit of the books names while they are damaged so. */
  async found(damage: readonly Damage[], since: JournalHead[] | null = null): Promise<string[]> {
    return places(await this.report(damage, since));
  }

  /** What Redis makes of it is left out. */
  async report(damage: readonly Damage[], since: JournalHead[] | null = null): Promise<AuditReport> {
    const { sql } = this.#system.books;
    await sql.unsafe(`
      CREATE SCHEMA saved;
      ${TABLES.map((table) => `CREATE TABLE saved.${table} AS TABLE public.${table}`).join(";")}`);
    try {
      for (const one of damage) await (typeof one === "string" ? sql.unsafe(one) : one());
      const report = await this.#system.audit({ natsUrl: null, since });
      const ofBooks = /^journal|^hold|^reversal/;
      return { ...report, findings: report.findings.filter(({ name }) => ofBooks.test(name)) };
    } finally {
      await sql.unsafe(TABLES.map((t) => `TRUNCATE ${t}; INSERT INTO ${t} TABLE saved.${t}`).join(";"));
      await sql.unsafe("DROP SCHEMA saved CASCADE");
    }
  }

  /** A row of the journal. */
  async row(g: number): Promise<StoredRow> {
    const [found] = await this.#system.books.sql<StoredRow[]>`
      SELECT shard, g, time, array_to_json(events) AS events, previous, hash FROM journal WHERE shard = 0 AND g = ${g}`;
    if (found === undefined) throw new Error(`there is no row ${g}`);
    return found;
  }

  /** Hashes the rows from one to another anew. */
  async seal(from: number, to = from): Promise<void> {
    for (let at = from; at <= to; at += 1) {
      const previous = at > from ? (await this.row(at - 1)).hash : (await this.row(at)).previous;
      const hash = journalHash({ ...(await this.row(at)), previous });
      await this.#system.books.sql`
        UPDATE journal SET previous = ${Buffer.from(previous)}, hash = ${Buffer.from(hash)} WHERE g = ${at}`;
    }
  }
}
