import type { Database } from "bun:sqlite";
import { forgetAt } from "../../embedded/remembered-outcome.ts";
import type { AccountId } from "../../ledger/account.ts";
import { hash53, markOf } from "../duplicate-detector.ts";
import type { Findings } from "../findings.ts";
import { compareTexts } from "./compare-texts.ts";

interface Effect {
  readonly account: AccountId;
  readonly seq: number | null;
  readonly command: string;
  readonly time: number;
}

/** Reads the commands with a candidate's hash again. If all is well, there are seldom candidates. */
export function checkCommands(db: Database, findings: Findings, candidates: ReadonlySet<number>): void {
  if (candidates.size === 0) return;
  const rows = db.query<Effect, []>(`
    SELECT account, seq, command, time FROM entries
    UNION ALL SELECT account, NULL, command, changed_at FROM limits WHERE command <> 'initial'`);
  const byCommand = new Map<string, Effect[]>();
  for (const row of rows.iterate()) {
    if (!candidates.has(markOf(hash53(row.command)))) continue;
    const known = byCommand.get(row.command);
    if (known === undefined) byCommand.set(row.command, [row]);
    else known.push(row);
  }
  for (const effects of byCommand.values()) {
    effects.sort(
      (a, b) => a.time - b.time || compareTexts(a.account, b.account) || (a.seq ?? 0) - (b.seq ?? 0),
    );
    for (const [index, effect] of effects.entries()) {
      const first = effects[index - 1];
      if (first === undefined) continue;
      if (effect.command.startsWith("key:") && effect.time >= forgetAt(first.time)) continue;
      const where = `account ${first.account}${first.seq === null ? "" : `, seq ${first.seq}`}`;
      const detail = `the command ${effect.command} took effect already: ${where}`;
      findings.add("command-doubled", effect.account, effect.seq, detail);
    }
  }
}
