import type { CommandContent } from "../../ledger/command.ts";
import type { Outcome, Result } from "../../ledger/ledger.ts";
import { PROBLEMS, type Problem, problemJson } from "../problems.ts";
import { problemOf, REPLAYED } from "../refusal-problems.ts";
import {
  accountJson,
  accountPath,
  holdJson,
  holdPath,
  stateJson,
  statesJson,
  transactionJson,
  transactionPath,
} from "./json.ts";

/** What a command is answered, by itself or in a batch. */
export interface Answer {
  readonly status: number;
  readonly body: object;
  readonly headers: Readonly<Record<string, string>>;
  readonly replayed: boolean;
}

export function answerOf(command: CommandContent, outcome: Outcome): Answer {
  const { replayed } = outcome;
  if (outcome.type === "refused") return problemAnswer(problemOf(outcome), replayed);
  return { ...acceptedAnswer(command, outcome.result), replayed };
}

export function problemAnswer(problem: Problem, replayed = false): Answer {
  const headers = { "content-type": "application/problem+json", ...problem.headers };
  return { status: PROBLEMS[problem.name].status, body: problemJson(problem), headers, replayed };
}

function acceptedAnswer(command: CommandContent, result: Result): Omit<Answer, "replayed"> {
  switch (result.type) {
    case "account": {
      const body = accountJson(result.account);
      const isNew = command.type === "open" && result.opened;
      return isNew ? created(body, accountPath(result.account.id)) : done(body);
    }
    case "transaction": {
      const { transaction, accounts } = result;
      const body = { ...transactionJson(transaction), accounts: statesJson(accounts) };
      return isDryRun(command) ? done(body) : created(body, transactionPath(transaction.id));
    }
    case "hold": {
      const body = { ...holdJson(result.hold), account: stateJson(result.account) };
      return command.type === "hold" ? created(body, holdPath(result.hold.id)) : done(body);
    }
    case "entry":
      throw new Error(`a command of /v1 became an entry of the contest's route: ${command.type}`);
  }
}

export function isDryRun(command: CommandContent): boolean {
  return command.type === "transaction" && command.isDryRun;
}

const JSON_TYPE = { "content-type": "application/json" };

function created(body: object, location: string): Omit<Answer, "replayed"> {
  return { status: 201, body, headers: { ...JSON_TYPE, location } };
}

function done(body: object): Omit<Answer, "replayed"> {
  return { status: 200, body, headers: JSON_TYPE };
}

export function responseOf({ status, body, headers, replayed }: Answer): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: replayed ? { ...headers, ...REPLAYED } : { ...headers },
  });
}

export function okJson(body: object): Response {
  return responseOf({ ...done(body), replayed: false });
}
