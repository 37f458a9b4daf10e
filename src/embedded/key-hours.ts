import type { Database } from "bun:sqlite";
import { bounds } from "../bounds.ts";

/** From which row of the journal on clients' keys are remembered for so long. */
interface KeyHoursRow {
  readonly fromG: number;
  readonly hours: number;
}

const DEFAULT = bounds.idempotency_key_kept_seconds / 3600;

const ROWS = "SELECT from_g AS fromG, hours FROM key_hours ORDER BY from_g";

/**
 * For how many hours a key is remembered that was decided in a row of the journal. Each key keeps what was set when it
 * was decided, so the audit can tell a row of `outcomes` that was changed.
 *
 * @param db the data file
 */
export function readKeyHours(db: Database): (g: number) => number {
  const rows = db.query<KeyHoursRow, []>(ROWS).all();
  return (g) => rows.findLast(({ fromG }) => fromG <= g)?.hours ?? DEFAULT;
}
