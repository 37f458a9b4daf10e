import type { AccountState } from "./account.ts";
import { formatDetails } from "./details-text.ts";
import { type Fields, NONE, notAnEvent } from "./event-fields.ts";
import type { PostingDone } from "./transaction.ts";
import type { PartEvent } from "./transit.ts";

const LETTERS = { part: "q", finish: "f", undo: "u" } as const;

/**
 * @param moves adds number of postings and accounts, postings, and accounts to the fields
 */
export function formatPartEvent(
  event: PartEvent,
  moves: (
    fields: (string | number)[],
    of: { readonly postings: readonly PostingDone[]; readonly accounts: readonly AccountState[] },
  ) => void,
): string {
  const fields: (string | number)[] = [LETTERS[event.type], event.time, event.attempt];
  if (event.type === "finish") fields.push(event.transaction, event.decidedAt, event.hold ?? NONE);
  moves(fields, event.type === "undo" ? { postings: [], accounts: event.accounts } : event);
  for (const { outgoing, incoming, locks } of event.sides) fields.push(outgoing, incoming, locks);
  if (event.type !== "undo") fields.push(event.id, formatDetails(event, event.reverses));
  return fields.join(" ");
}

/** @param fields those behind the letter. @throws Error if they are not of such an event */
export function parsePartEvent(letter: "q" | "f" | "u", fields: Fields, text: string): PartEvent {
  const time = fields.integer();
  const attempt = fields.text();
  if (letter === "u") {
    const { postings, accounts } = fields.moves();
    // There is at least one account, else there would be no part; its side ends the text.
    if (postings.length > 0 || accounts.length === 0) throw notAnEvent(text);
    return { type: "undo", time, attempt, accounts, sides: fields.lastSides(accounts.length) };
  }
  const ending =
    letter === "q"
      ? null
      : { transaction: fields.text(), decidedAt: fields.integer(), hold: orNone(fields.text()) };
  const { postings, accounts } = fields.moves();
  const sides = fields.sides(accounts.length);
  const id = fields.id();
  const { reverses, description, reference, metadata } = fields.details();
  const moves = { time, attempt, postings, accounts, sides, id, reverses, description, reference, metadata };
  return ending === null ? { type: "part", ...moves } : { type: "finish", ...ending, ...moves };
}

function orNone(field: string): string | null {
  return field === NONE ? null : field;
}
