import type { Answer, Attempt, Command, Reading, ShownStatement } from "../clients/history.ts";
import { Trial } from "./command-model.ts";
import type { RegisteredCommand, Try } from "./command-registry.ts";
import type { RefusalText } from "./journal-events.ts";
import type { ReplayedLedger } from "./replayed-ledger.ts";
import type { LedgerView } from "./ledger-history.ts";
import type { Observation } from "./linearizability.ts";
import { isRefusedSo, refusingPosition, refusingShard } from "./refusing-shard.ts";
import { ShardView, shardsTouched } from "./shard-view.ts";
import { isAccountShown, isHoldShown, isTransactionShown } from "./shown-check.ts";
import { answerText, commandText, operationText, refusalText } from "./violation-text.ts";

/** From the contract. */
const STATEMENT_ENTRIES = 10;
const TIME_SHAPE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;

/** When something was seen, by the clients' clock, and by which attempts. */
type Seen = Pick<Observation, "begin" | "end" | "attempts">;

/**
 * What a client saw that changed nothing: it saw its shard at one position.
 *
 * @returns null if the answer says nothing
 */
export function readingObservation(
  attempt: Attempt & { readonly operation: Reading },
  replay: ReplayedLedger,
): Observation | null {
  const { operation, answer } = attempt;
  const fits = readingFits(operation, answer, replay);
  if (fits === null) return null;
  const text = `what attempt ${attempt.number} read (${operation.type}: ${answerText(answer)})`;
  // What is in no journal is on no shard: wherever it were, there is nothing of it.
  const [shard = 0] = shardsTouched(replay, operation);
  return observation("statement", seenBy(attempt), text, shard, (at) => fits(replay.history.at(at)));
}

type Fits = (view: LedgerView) => boolean;

function readingFits(operation: Reading, answer: Answer, replay: ReplayedLedger): Fits | null {
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

/**
 * Refusals without a key, dry runs, and accounts that were there already when they were opened again. Each shard that such a
 * command touches was seen at a moment of its own.
 */
export function attemptObservations(
  command: RegisteredCommand,
  one: Try,
  replay: ReplayedLedger,
): Observation[] {
  const { answer } = one;
  const { operation } = command;
  const text = `${operationText(operation)} (attempt ${one.number}): ${answerText(answer)}`;
  switch (answer.type) {
    case "refused":
      if (command.id !== null) return [];
      return refusalObservations(operation, answer, seenBy(one), text, replay, null);
    case "dry-run":
      return touched(replay, operation).map((shard) => {
        const fits = (at: number): boolean => isDryRunShown(operation, answer, shard, at, replay);
        return observation("statement", seenBy(one), text, shard, fits);
      });
    case "account": {
      const { account } = answer;
      const [shard = 0] = touched(replay, operation);
      const fits = (at: number): boolean =>
        isAccountShown(account, replay.history.at(at).account(account.id));
      return [observation("statement", seenBy(one), text, shard, fits)];
    }
    case "accepted":
    case "batch":
    case "hold":
    case "transaction":
    case "statement":
    case "not-done":
    case "odd":
    case "unknown":
      return [];
  }
}

/** What shards saw of a command that another one has decided, without an event of their own. */
export function decisionObservations(
  command: RegisteredCommand,
  seen: Seen,
  replay: ReplayedLedger,
): Observation[] {
  const { operation, decision, group } = command;
  // An atomic batch has nothing on other shards.
  if (decision === null || group?.batch.atomic === true) return [];
  const { event, shard: home, position } = decision;
  const text = commandText(command);
  if (event.type === "refusal") {
    const refused = `${text}, refused: ${refusalText(event.refusal)}`;
    return refusalObservations(operation, event.refusal, seen, refused, replay, { home, at: position - 1 });
  }
  if (event.type !== "hold") return [];
  return touched(replay, operation)
    .filter((shard) => shard !== home)
    .map((shard) => {
      const fits = (at: number): boolean =>
        new Trial(new ShardView(replay, new Map([[shard, at]]))).apply(operation) === null;
      return observation("acceptance", seen, text, shard, fits);
    });
}

/**
 * One shard refuses it so, and no other one for what comes before that.
 *
 * @param decided where and at which position it was; null if it is not known
 */
function refusalObservations(
  command: Command,
  refusal: RefusalText,
  seen: Seen,
  text: string,
  replay: ReplayedLedger,
  decided: { readonly home: number; readonly at: number } | null,
): Observation[] {
  const shards = touched(replay, command);
  const refusing = refusingShard(replay, command, refusal);
  const isOfOther = shards.length > 1 && refusing !== undefined;
  const refusingAt = !isOfOther
    ? null
    : decided?.home === refusing
      ? decided.at
      : refusingPosition(replay, command, refusal, refusing);
  return shards.flatMap((shard) => {
    if (shard === decided?.home) return [];
    const others = new Map<number, number>();
    if (isOfOther && shard !== refusing) {
      // That is told of the shard that refuses it.
      if (refusingAt === null) return [];
      others.set(refusing, refusingAt);
    }
    const fits = (at: number): boolean =>
      isRefusedSo(replay, command, refusal, new Map([...others, [shard, at]]));
    return [observation("refusal", seen, text, shard, fits)];
  });
}

function touched(replay: ReplayedLedger, command: Command): readonly number[] {
  const shards = shardsTouched(replay, command);
  return shards.length === 0 ? [0] : shards;
}

function isDryRunShown(
  command: Command,
  answer: Extract<Answer, { type: "dry-run" }>,
  shard: number,
  at: number,
  replay: ReplayedLedger,
): boolean {
  const trial = new Trial(new ShardView(replay, new Map([[shard, at]])));
  if (trial.apply(command) !== null) return false;
  const shown = answer.accounts.filter(({ id }) => (replay.placeOf(id)?.shard ?? shard) === shard);
  const { changed } = trial;
  return (
    shown.length === changed.size && shown.every((one) => isAccountShown(one, changed.get(one.id) ?? null))
  );
}

function seenBy({ number, sentAt, endedAt }: Pick<Try, "number" | "sentAt" | "endedAt">): Seen {
  return { begin: sentAt, end: endedAt, attempts: [number] };
}

/** @param fits whether the shard at that position is as it was seen */
function observation(
  type: Observation["type"],
  { begin, end, attempts }: Seen,
  text: string,
  shard: number,
  fits: (position: number) => boolean,
): Observation {
  return {
    type,
    begin,
    end,
    attempts,
    text,
    shard,
    first: (from, to) => {
      for (let position = from; position <= to; position += 1) if (fits(position)) return position;
      return null;
    },
  };
}

function isStatementShown(
  statement: ShownStatement,
  account: string,
  view: LedgerView,
  { entries }: ReplayedLedger,
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
