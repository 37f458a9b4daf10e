import type { CommandContent } from "../../ledger/command.ts";
import type { Outcome, Result } from "../../ledger/ledger.ts";
import { PROBLEMS, type Problem, problemJson } from "../problems.ts";
import { problemOf, REPLAYED } from "../refusal-problems.ts";
import {
  accountJson,
  accountPath,
  createdTransactionJson,
  decidedHoldJson,
  holdPath,
  transactionPath,
} from "./json.ts";

/** What a command is answered, by itself or in a batch. */
export interface Answer {
  readonly status: number;
  /** JSON. */
  readonly body: string;
  readonly type: "application/json" | "application/problem+json";
  /** The path of what was created; nobody asks for it in a batch. */
  readonly location: (() => string) | null;
  /** More than type and location. */
  readonly headers: Readonly<Record<string, string>>;
  readonly replayed: boolean;
}

export function answerOf(command: CommandContent, outcome: Outcome): Answer {
  const { replayed } = outcome;
  if (outcome.type === "refused") return problemAnswer(problemOf(outcome), replayed);
  return { ...acceptedAnswer(command, outcome.result), replayed };
}

export function problemAnswer(problem: Problem, replayed = false): Answer {
  return {
    status: PROBLEMS[problem.name].status,
    body: JSON.stringify(problemJson(problem)),
    type: "application/problem+json",
    location: null,
    headers: problem.headers ?? {},
    replayed,
  };
}

function acceptedAnswer(command: CommandContent, result: Result): Omit<Answer, "replayed"> {
  switch (result.type) {
    case "account": {
      const { account, opened } = result;
      const isNew = command.type === "open" && opened;
      return done(accountJson(account), isNew ? () => accountPath(account.id) : null);
    }
    case "transaction": {
      const { transaction, accounts } = result;
      const location = isDryRun(command) ? null : () => transactionPath(transaction.id);
      return done(createdTransactionJson(transaction, accounts), location);
    }
    case "hold": {
      const { hold, account } = result;
      return done(decidedHoldJson(hold, account), command.type === "hold" ? () => holdPath(hold.id) : null);
    }
    case "entry":
      throw new Error(`a command of /v1 became an entry of the contest's route: ${command.type}`);
  }
}

export function isDryRun(command: CommandContent): boolean {
  return command.type === "transaction" && command.isDryRun;
}

const NO_HEADERS: Answer["headers"] = {};

/** @param location if something was created */
function done(body: string, location: Answer["location"]): Omit<Answer, "replayed"> {
  const status = location === null ? 200 : 201;
  return { status, body, type: "application/json", location, headers: NO_HEADERS };
}

export function responseOf({ status, body, type, location, headers, replayed }: Answer): Response {
  // What nearly all answers are. To copy headers that are empty costs more than the rest of the answer.
  if (type === "application/json" && headers === NO_HEADERS && !replayed) {
    if (location === null) return okJson(body);
    return new Response(body, { status, headers: { "content-type": type, location: location() } });
  }
  return new Response(body, {
    status,
    headers: {
      "content-type": type,
      ...(location === null ? {} : { location: location() }),
      ...headers,
      ...(replayed ? REPLAYED : {}),
    },
  });
}

// Shared, see routes.ts.
const JSON_INIT: ResponseInit = { headers: { "content-type": "application/json" } };

/** @param body JSON */
export function okJson(body: string): Response {
  return new Response(body, JSON_INIT);
}
