import { parseEvent } from "../../ledger/event.ts";
import { isRefusal } from "../../ledger/refusal.ts";
import type { Decided, PartEvent } from "../../ledger/transit.ts";
import { parseDecided } from "../function-codec.ts";
import type { AwayAccount, Told, TransitCommand } from "./transit-arguments.ts";

/** The answers to what is in transit-arguments.ts; those to a decision are as of any command, see `Answer`. */
export type TransitAnswer =
  | { readonly type: "prepared"; readonly event: Extract<PartEvent, { readonly type: "part" }> }
  /** A dry run: what the event would be. */
  | { readonly type: "dry"; readonly event: Extract<PartEvent, { readonly type: "finish" }> }
  /** Nothing is prepared. States and units are those of the command's accounts, in their order. */
  | ({
      readonly type: "unprepared";
      readonly accounts: readonly Omit<AwayAccount, "id">[];
    } & Pick<Told, "refused" | "unmet">)
  /** It cannot be prepared any more. */
  | { readonly type: "undone" }
  /** Now, or just so before. */
  | { readonly type: "ended"; readonly event: Exclude<PartEvent, { readonly type: "part" }> }
  /** There is no such part, or it ended a while ago. */
  | { readonly type: "not-open" }
  | ({ readonly type: "decided" } & Decided)
  | { readonly type: "abandoned" }
  | { readonly type: "forgotten" }
  /** To be asked again: an account is locked, or it depends on what is in transit. */
  | { readonly type: "again" }
  | { readonly type: "full" };

/** @throws Error if the text is not an answer to such a command */
export function parseTransitAnswer(text: string, command: TransitCommand): TransitAnswer {
  const mark = text.charAt(0);
  if (mark === "#") return { type: "full" };
  switch (command.type) {
    case "prepare":
      if (mark === "~") return { type: "again" };
      if (mark === "?") return { type: "undone" };
      if (mark === "<") return unprepared(text, command.accounts.length);
      if (mark === "=" || mark === "+") {
        const event = eventIn(text);
        if (event?.type === "part") return { type: "prepared", event };
        if (event?.type === "finish" && command.isDryRun) return { type: "dry", event };
      }
      break;
    case "finish":
    case "undo":
      if (mark === "^") return { type: "not-open" };
      if (mark === "=" || mark === "+") {
        const event = eventIn(text);
        if (event?.type === command.type) return { type: "ended", event };
      }
      break;
    case "ask": {
      if (mark === "~") return { type: "abandoned" };
      const decided = mark === "^" ? parseDecided(text.slice(1)) : null;
      if (decided !== null) return { type: "decided", ...decided };
      break;
    }
    case "forget":
      if (mark === "^") return { type: "forgotten" };
  }
  throw notAnAnswer(text);
}

function eventIn(text: string): PartEvent | null {
  const at = text.indexOf(" ", text.indexOf(" ") + 1) + 1;
  const event = parseEvent(text.slice(at));
  return event.type === "part" || event.type === "finish" || event.type === "undo" ? event : null;
}

function unprepared(text: string, count: number): TransitAnswer {
  const fields = text.slice(1).split(" ");
  const accounts = Array.from({ length: count }, (_, index) => {
    const [state, unit = ""] = fields.slice(2 * index);
    const known = STATES.find((each) => each === state);
    if (known === undefined) throw notAnAnswer(text);
    return { state: known, unit: unit === NONE ? "" : unit };
  });
  const [refusal = "", posting, unmet, ...rest] = fields.slice(2 * count);
  if (unmet === undefined || rest.length > 0) throw notAnAnswer(text);
  return {
    type: "unprepared",
    accounts,
    refused: isRefusal(refusal) ? { refusal, posting: Number(posting) } : null,
    unmet: unmet === NONE ? null : Number(unmet),
  };
}

/** Where a field has no value. */
const NONE = "/";
const STATES = ["open", "frozen", "closed", "unknown"] as const;

function notAnAnswer(text: string): Error {
  return new Error(`not an answer about a transaction across shards: ${JSON.stringify(text.slice(0, 100))}`);
}
