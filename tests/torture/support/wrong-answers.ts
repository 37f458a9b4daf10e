import type { Attempt, Refused } from "../../../proof/torture/clients/history.ts";
import type { Random } from "../../support/random.ts";
import {
  add,
  type Corruption,
  last,
  type Own,
  own,
  ownOf,
  pickFrom,
  readAccounts,
  replace,
  withAccount,
} from "./corruptions.ts";
import type { Round } from "./simulated-clients.ts";

const REFUSED: Refused = {
  type: "refused",
  problem: "limit-exceeded",
  account: "4",
  index: null,
  other: null,
  replayed: false,
};

function wrongAnswer(
  name: string,
  change: (one: Own, random: Random) => Attempt["answer"] | null,
): Corruption {
  return {
    name,
    found: ["wrong-answer"],
    do: (rounds, random) => {
      const all = own(rounds).flatMap((one) => {
        const answer = change(one, random);
        return answer === null ? [] : [{ one, answer }];
      });
      const picked = pickFrom(random, all);
      if (picked === undefined) return false;
      replace(rounds, picked.one.attempt.number, { answer: picked.answer });
      return true;
    },
  };
}

/** Something that was read is replaced. */
function wrongReading(
  name: string,
  change: (answer: Attempt["answer"], operation: Attempt["operation"]) => Attempt["answer"] | null,
): Corruption {
  return {
    name,
    found: ["impossible-statement"],
    do: (rounds, random) => {
      const all = last(rounds).attempts.flatMap((attempt) => {
        const answer = change(attempt.answer, attempt.operation);
        return answer === null ? [] : [{ attempt, answer }];
      });
      const picked = pickFrom(random, all);
      if (picked === undefined) return false;
      replace(rounds, picked.attempt.number, { answer: picked.answer });
      return true;
    },
  };
}

/** An accepted command gets this answer instead. */
function otherwise(
  name: string,
  found: Corruption["found"],
  answer: Attempt["answer"],
  isOne: (one: Own) => boolean = () => true,
): Corruption {
  return {
    name,
    found,
    do: (rounds, random) => {
      const one = pickFrom(random, own(rounds).filter(isOne));
      if (one === undefined) return false;
      replace(rounds, one.attempt.number, { answer });
      return true;
    },
  };
}

/** It is sent again, after its answer. */
function again(name: string, answerOf: (one: Own) => Attempt["answer"]): Corruption {
  return {
    name,
    found: ["other-outcome"],
    do: (rounds, random) => {
      const one = pickFrom(
        random,
        own(rounds).filter(({ attempt }) => attempt.key !== null),
      );
      if (one === undefined) return false;
      const { endedAt } = one.attempt;
      add(rounds, { ...one.attempt, sentAt: endedAt + 1, endedAt: endedAt + 2, answer: answerOf(one) });
      return true;
    },
  };
}

/** The entries that v1 has answered, with the account as it was shown then. */
function entries(rounds: readonly Round[]) {
  return ownOf(rounds, "transaction").flatMap(({ attempt }) =>
    attempt.answer.accounts.map((shown) => ({ attempt, shown })),
  );
}

/** The books are right; an answer is not. Each of these can always be seen. */
export const WRONG_ANSWERS: readonly Corruption[] = [
  wrongAnswer("an answered balance is off by one", ({ attempt }, random) =>
    withAccount(attempt.answer, (shown) => ({
      ...shown,
      balance: shown.balance + (random.chance(50) ? 1 : -1),
    })),
  ),
  wrongAnswer("an answered limit is off by one", ({ attempt }) =>
    withAccount(attempt.answer, (shown) => ({ ...shown, creditLimit: shown.creditLimit + 1 })),
  ),
  ...(["held", "seq", "available"] as const).map((member) =>
    wrongAnswer(`an answered ${member} is off by one`, ({ attempt }) =>
      attempt.answer.accounts[0]?.rest === null
        ? null
        : withAccount(attempt.answer, ({ rest, ...shown }) => ({
            ...shown,
            rest: rest && { ...rest, [member]: rest[member] + 1 },
          })),
    ),
  ),
  wrongAnswer("an answered hold has another state", ({ attempt: { answer } }) =>
    answer.hold === null ? null : { ...answer, hold: { ...answer.hold, state: "expired" } },
  ),
  wrongAnswer("an answered transaction lacks a posting", ({ attempt: { answer } }) =>
    answer.transaction === null
      ? null
      : {
          ...answer,
          transaction: { ...answer.transaction, postings: answer.transaction.postings.slice(1) },
        },
  ),
  wrongAnswer("an answer lacks one of the accounts", ({ attempt: { answer } }) =>
    answer.accounts.length < 2 ? null : { ...answer, accounts: answer.accounts.slice(1) },
  ),
  wrongReading("an account is read with a balance that it never had", (answer) =>
    answer.type === "account"
      ? { ...answer, account: { ...answer.account, balance: answer.account.balance + 1 } }
      : null,
  ),
  wrongReading("a hold is read with another amount", (answer) =>
    answer.type === "hold" ? { ...answer, hold: { ...answer.hold, amount: answer.hold.amount + 1 } } : null,
  ),
  wrongReading("a transaction is read as reversed by another one", (answer) =>
    answer.type === "transaction" ? { ...answer, reversedBy: "t0-0-0-0" } : null,
  ),
  wrongReading("a dry run shows another balance", (answer) =>
    answer.type === "dry-run"
      ? { ...answer, accounts: answer.accounts.map((one) => ({ ...one, balance: one.balance + 1 })) }
      : null,
  ),
  wrongReading("a statement has a hole in its entries", (answer) =>
    answer.type === "statement" && answer.statement.entries.length > 1
      ? { ...answer, statement: { ...answer.statement, entries: answer.statement.entries.toSpliced(1, 1) } }
      : null,
  ),
  wrongReading("a statement is dated before its newest entry", (answer) =>
    answer.type === "statement" && answer.statement.entries.length > 0
      ? { ...answer, statement: { ...answer.statement, readAt: "2023-01-01T00:00:00.000000Z" } }
      : null,
  ),
  wrongReading("an account is not found that was there from the start", (answer, operation) =>
    answer.type === "statement" && operation.type === "statement" && /^[1-5]$/.test(operation.account)
      ? { ...REFUSED, problem: "account-not-found" }
      : null,
  ),
  {
    name: "an account is read as it was before an answer",
    found: ["stale-statement"],
    do: (rounds, random) => {
      const all = entries(rounds);
      const choices = readAccounts(rounds).flatMap(({ attempt, shown }) =>
        all
          .filter((one) => one.shown.id === shown.id && one.attempt.endedAt < attempt.sentAt)
          .flatMap((later) =>
            all
              .filter((one) => one.shown.id === shown.id && one.attempt.endedAt < later.attempt.sentAt)
              .map((earlier) => ({ attempt, account: earlier.shown })),
          ),
      );
      const choice = pickFrom(random, choices);
      if (choice === undefined) return false;
      replace(rounds, choice.attempt.number, { answer: { type: "account", account: choice.account } });
      return true;
    },
  },
  {
    name: "an account is read as it was only after what was asked for later",
    found: ["order-reversed"],
    do: (rounds, random) => {
      const all = entries(rounds);
      const choices = readAccounts(rounds).flatMap(({ attempt, shown }) =>
        all
          .filter((one) => one.shown.id === shown.id && attempt.endedAt < one.attempt.sentAt)
          .map((one) => ({ attempt, account: one.shown })),
      );
      const choice = pickFrom(random, choices);
      if (choice === undefined) return false;
      replace(rounds, choice.attempt.number, { answer: { type: "account", account: choice.account } });
      return true;
    },
  },
  {
    name: "a debit is refused though there was room all the time",
    found: ["impossible-refusal"],
    do: (rounds, random) => {
      const { books, attempts } = last(rounds);
      const row = books.accounts.find(({ account }) => account === "4");
      if (row === undefined || row.balance - row.held + row.creditLimit < 5_000_000) return false;
      const end = Math.max(...attempts.map(({ endedAt }) => endedAt));
      const mark = { value: random.integer(1, 9), description: "refused" };
      const operation = { type: "transact", account: "4", kind: "debit", ...mark } as const;
      add(rounds, { operation, key: null, by: null, sentAt: end + 1, endedAt: end + 2, answer: REFUSED });
      return true;
    },
  },
  {
    name: "a refusal without a key names another account",
    found: ["impossible-refusal"],
    do: (rounds, random) => {
      const refused = last(rounds).attempts.flatMap(({ number, key, operation, answer }) =>
        key === null && operation.type === "transaction" && answer.type === "refused"
          ? [{ number, answer }]
          : [],
      );
      const one = pickFrom(random, refused);
      if (one === undefined) return false;
      replace(rounds, one.number, { answer: { ...one.answer, account: "another" } });
      return true;
    },
  },
  {
    name: "a refusal under a key has another reason than in the journal",
    found: ["wrong-answer", "other-outcome"],
    do: (rounds, random) => {
      const refused = last(rounds).attempts.flatMap(({ number, key, operation, answer }) =>
        key !== null && operation.type === "capture" && answer.type === "refused" && !answer.replayed
          ? [{ number, answer }]
          : [],
      );
      const one = pickFrom(random, refused);
      if (one === undefined) return false;
      replace(rounds, one.number, { answer: { ...one.answer, problem: "hold-not-found" } });
      return true;
    },
  },
  otherwise(
    "a refused command is applied",
    ["refused-and-applied"],
    REFUSED,
    ({ operation }) => operation.type === "transact",
  ),
  otherwise("a command that was not done is applied", ["refused-and-applied"], { type: "not-done" }),
  again("a key is answered with another outcome", ({ attempt: { answer } }) => ({
    ...answer,
    accounts: answer.accounts.map((one) => ({ ...one, balance: one.balance + 7 })),
    replayed: true,
  })),
  again("a key is decided anew, though with the same outcome", ({ attempt }) => attempt.answer),
  ...["idempotency-key-reused", "limit-too-low", "internal-error"].map((problem) =>
    otherwise(
      `a transaction is refused with ${problem}, for which there is no reason`,
      ["odd-answer"],
      { ...REFUSED, problem },
      ({ operation }) => operation.type === "transact",
    ),
  ),
  {
    name: "a transaction happened though its condition did not hold",
    found: ["impossible-acceptance"],
    do: (rounds, random) => {
      const one = pickFrom(random, ownOf(rounds, "transaction"));
      const account = one?.attempt.answer.accounts[0]?.id;
      if (one === undefined || account === undefined) return false;
      const condition = { account, what: "balance", is: "gte", value: 2 ** 52 } as const;
      const operation = { ...one.operation, conditions: [...one.operation.conditions, condition] };
      replace(rounds, one.attempt.number, { operation });
      return true;
    },
  },
  {
    name: "a transaction happened without one of its postings",
    found: ["partly-applied"],
    do: (rounds, random) => {
      const one = pickFrom(random, ownOf(rounds, "transaction"));
      const [first] = one?.operation.postings ?? [];
      if (one === undefined || first === undefined) return false;
      const operation = { ...one.operation, postings: [...one.operation.postings, first] };
      replace(rounds, one.attempt.number, { operation });
      return true;
    },
  },
  {
    name: "a hold has another time of expiry than was asked for",
    found: ["wrong-answer"],
    do: (rounds, random) => {
      const one = pickFrom(random, ownOf(rounds, "hold"));
      if (one === undefined) return false;
      replace(rounds, one.attempt.number, { operation: { ...one.operation, seconds: 7 } });
      return true;
    },
  },
  {
    name: "an entry has another value than was asked for",
    found: ["wrong-answer"],
    do: (rounds, random) => {
      const one = pickFrom(random, ownOf(rounds, "transact"));
      if (one === undefined) return false;
      replace(rounds, one.attempt.number, {
        operation: { ...one.operation, value: one.operation.value + 1 },
      });
      return true;
    },
  },
];
