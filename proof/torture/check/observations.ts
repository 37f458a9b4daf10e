import type { Answer, Attempt, Command, Reading, ShownStatement } from "../clients/history.ts";
import { shardsOf } from "../clients/operation-shards.ts";
import { Trial } from "./command-model.ts";
import type { RegisteredCommand, Try } from "./command-registry.ts";
import { isSameRefusal } from "./event-matching.ts";
import type { JournalReplay } from "./journal-replay.ts";
import type { LedgerView } from "./ledger-history.ts";
import type { Observation } from "./linearizability.ts";
import { isAccountShown, isHoldShown, isTransactionShown } from "./shown-check.ts";
import { answerText, operationText } from "./violation-text.ts";

/** From the contract. */
const STATEMENT_ENTRIES = 10;
const TIME_SHAPE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;

/**
 * What a client saw that changed nothing: it saw its shard at one position.
 *
 * @returns null if the answer says nothing
 */
export function readingObservation(
  attempt: Attempt & { readonly operation: Reading },
  replay: JournalReplay,
): Observation | null {
  const { operation, answer } = attempt;
  const fits = readingFits(operation, answer, replay);
  if (fits === null) return null;
  const text = `what attempt ${attempt.number} read (${operation.type}: ${answerText(answer)})`;
  const [shard = 0] = shardsIn(replay, operation);
  return observation(attempt, "statement", text, fits, { shard, replay });
}

/** What is in no journal is on no shard: wherever it were, there is nothing of it. */
function shardsIn(replay: JournalReplay, operation: Command | Reading): ReadonlySet<number> {
  return shardsOf(operation, (account) => replay.shardOf(account));
}

type Fits = (view: LedgerView) => boolean;

function readingFits(operation: Reading, answer: Answer, replay: JournalReplay): Fits | null {
  switch (answer.type) {
    case "statement": {
      const account = "account" in operation ? operation.account : "";
      return (view) => isStatementShown(answer.statement, account, view, replay);
    }
    case "account":
      return (view) => isAccountShown(answer.account, view.account(answer.account.id));
    case "hold":
      return (view) => isHoldShown(answer.hold, view.hold(answer.hold.id));
    case "transaction":
      return (view) => {
        const row = view.transaction(answer.transaction.id);
        return isTransactionShown(answer.transaction, row) && row?.reversedBy === answer.reversedBy;
      };
    case "refused": {
      const wanted =
        operation.type === "read-hold"
          ? "hold"
          : operation.type === "read-transaction"
            ? "transaction"
            : "account";
      return (view) => answer.problem === `${wanted}-not-found` && found(operation, view) === null;
    }
    case "accepted":
    case "batch":
    case "dry-run":
    case "not-done":
    case "odd":
    case "unknown":
      return null;
  }
}

function found(operation: Reading, view: LedgerView): object | null {
  switch (operation.type) {
    case "read-hold":
      return view.hold(operation.hold);
    case "read-transaction":
      return view.transaction(operation.transaction);
    case "statement":
    case "read-account":
      return view.account(operation.account);
  }
}

/** Refusals without a key, dry runs, and accounts that were there already when they were opened again. */
export function attemptObservation(
  command: RegisteredCommand,
  one: Try,
  replay: JournalReplay,
): Observation | null {
  const { answer } = one;
  const { operation } = command;
  const shards = shardsIn(replay, operation);
  // Each shard was seen at a moment of its own.
  if (shards.size > 1) return null;
  const [shard = 0] = shards;
  const observe = (type: Observation["type"], fits: Fits): Observation =>
    observation(one, type, text, fits, { shard, replay });
  const text = `${operationText(operation)} (attempt ${one.number}): ${answerText(answer)}`;
  switch (answer.type) {
    case "refused": {
      if (command.id !== null) return null;
      const fits: Fits = (view) => {
        const wanted = new Trial(view).apply(operation);
        return wanted !== null && isSameRefusal(wanted, answer);
      };
      return observe("refusal", fits);
    }
    case "dry-run":
      return observe("statement", (view) => isDryRunShown(operation, answer, view));
    case "account":
      return observe("statement", (view) => isAccountShown(answer.account, view.account(answer.account.id)));
    case "accepted":
    case "batch":
    case "hold":
    case "transaction":
    case "statement":
    case "not-done":
    case "odd":
    case "unknown":
      return null;
  }
}

function isDryRunShown(
  command: Command,
  answer: Extract<Answer, { type: "dry-run" }>,
  view: LedgerView,
): boolean {
  const trial = new Trial(view);
  if (trial.apply(command) !== null || answer.accounts.length !== trial.changed.size) return false;
  return answer.accounts.every((shown) => isAccountShown(shown, trial.changed.get(shown.id) ?? null));
}

function observation(
  { number, sentAt: begin, endedAt: end }: Pick<Try, "number" | "sentAt" | "endedAt">,
  type: Observation["type"],
  text: string,
  fits: Fits,
  { shard, replay }: { readonly shard: number; readonly replay: JournalReplay },
): Observation {
  return {
    type,
    begin,
    end,
    attempts: [number],
    text,
    shard,
    first: (from, to) => {
      for (let position = from; position <= to; position += 1)
        if (fits(replay.history.at(position))) return position;
      return null;
    },
  };
}

function isStatementShown(
  statement: ShownStatement,
  account: string,
  view: LedgerView,
  { entries }: JournalReplay,
): boolean {
  const row = view.account(account);
  if (row?.balance !== statement.balance || row.creditLimit !== statement.creditLimit) return false;
  if (statement.entries.length !== Math.min(row.seq, STATEMENT_ENTRIES)) return false;
  const known = entries.get(account) ?? [];
  const offset = (known[0]?.seq ?? 1) - 1;
  const isSame = statement.entries.every((shown, index) => {
    const entry = known[row.seq - 1 - index - offset];
    return (
      entry !== undefined &&
      shown.kind === entry.kind &&
      shown.value === entry.value &&
      shown.description === Array.from(entry.description).slice(0, 10).join("") &&
      shown.time === timestamp(entry.time)
    );
  });
  // Times of this form sort as text.
  const newest = statement.entries[0]?.time ?? "";
  return isSame && TIME_SHAPE.test(statement.readAt) && statement.readAt >= newest;
}

/** In the contract's form: ISO 8601 with six decimals of the second. */
export function timestamp(micros: number): string {
  const milliseconds = Math.floor(micros / 1000);
  const digits = String(micros - milliseconds * 1000).padStart(3, "0");
  return new Date(milliseconds).toISOString().replace("Z", `${digits}Z`);
}
