import type { Database } from "bun:sqlite";
import { readKeyHours } from "../../embedded/key-hours.ts";
import { forgetAt } from "../../embedded/remembered-outcome.ts";
import type { AccountId } from "../../ledger/account.ts";
import { commandIdOf, timeOf } from "../../ledger/event.ts";
import { hash53, markOf } from "../duplicate-detector.ts";
import type { Findings } from "../findings.ts";
import { type FileEvent, readEvents } from "./journal-rows.ts";
import { Pace } from "./pace.ts";

interface Effect {
  readonly account: AccountId | null;
  readonly seq: number | null;
  readonly time: number;
  /** The row of the journal. */
  readonly g: number;
}

/** The id of the command that changed something by an event; `null` if none did. */
export function commandOf(event: FileEvent): string | null {
  return event.type === "refusal" ? null : commandIdOf(event);
}

/** Reads the commands with a candidate's hash again. If all is well, there are seldom candidates. */
export async function checkCommands(
  db: Database,
  findings: Findings,
  candidates: ReadonlySet<number>,
): Promise<void> {
  if (candidates.size === 0) return;
  const keyHours = readKeyHours(db);
  const effects = new Map<string, Effect>();
  await readEvents(db, new Pace(), (event, { g }) => {
    const command = commandOf(event);
    if (command === null || !candidates.has(markOf(hash53(command)))) return;
    const effect = { ...effectOf(event), g };
    const first = effects.get(command);
    effects.set(command, effect);
    if (first === undefined) return;
    // A key may be used again once it is forgotten.
    if (!command.startsWith("req:") && effect.time >= forgetAt(first.time, keyHours(first.g))) return;
    const where = `account ${first.account}${first.seq === null ? "" : `, seq ${first.seq}`}`;
    const detail = `the command ${command} took effect already: ${where}`;
    findings.add("command-doubled", effect.account, effect.seq, detail);
  });
}

function effectOf(event: FileEvent): Omit<Effect, "g"> {
  const time = timeOf(event);
  switch (event.type) {
    case "entry":
      return { account: event.entry.account, seq: event.entry.seq, time };
    case "open":
      return { account: event.account, seq: null, time };
    case "transaction":
    case "capture":
    case "part":
    case "finish":
    case "undo": {
      const [account] = event.accounts;
      return { account: account?.id ?? null, seq: account?.seq ?? null, time };
    }
    case "refusal":
      return { account: null, seq: null, time };
    case "change":
    case "hold":
    case "release":
    case "expiry":
      return { account: event.account.id, seq: null, time };
  }
}
