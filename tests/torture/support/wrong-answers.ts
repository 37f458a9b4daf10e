import {
  type Corruption,
  add,
  last,
  ofAccount,
  own,
  pickFrom,
  replace,
  statementAfter,
  statements,
} from "./corruptions.ts";
import { idOf, isoTime } from "./simulated-ledger.ts";

/** The books are right; an answer is not. Each of these can always be seen. */
export const WRONG_ANSWERS: readonly Corruption[] = [
  {
    name: "two answers are exchanged",
    found: ["wrong-answer"],
    do: (rounds, random) => {
      const all = own(rounds);
      const one = pickFrom(random, all);
      const other = pickFrom(
        random,
        all.filter(({ attempt: { answer } }) => answer.balance !== one?.attempt.answer.balance),
      );
      if (one === undefined || other === undefined) return false;
      replace(rounds, one.attempt.number, {
        answer: { ...one.attempt.answer, balance: other.entry.balance },
      });
      replace(rounds, other.attempt.number, {
        answer: { ...other.attempt.answer, balance: one.entry.balance },
      });
      return true;
    },
  },
  {
    name: "an answered balance is off by one",
    found: ["wrong-answer"],
    do: (rounds, random) => {
      const one = pickFrom(random, own(rounds));
      if (one === undefined) return false;
      const balance = one.entry.balance + (random.chance(50) ? 1 : -1);
      replace(rounds, one.attempt.number, { answer: { ...one.attempt.answer, balance } });
      return true;
    },
  },
  {
    name: "an answered limit is off by one",
    found: ["wrong-answer"],
    do: (rounds, random) => {
      const one = pickFrom(random, own(rounds));
      if (one === undefined) return false;
      const creditLimit = one.entry.creditLimit + 1;
      replace(rounds, one.attempt.number, { answer: { ...one.attempt.answer, creditLimit } });
      return true;
    },
  },
  {
    name: "a statement is older than an answer before it",
    found: ["stale-statement"],
    do: (rounds, random) => {
      const all = own(rounds);
      const choices = statements(rounds).flatMap(({ attempt, account }) =>
        all
          .filter((one) => one.entry.account === account && one.attempt.endedAt < attempt.sentAt)
          .map(({ entry }) => ({ attempt, entry })),
      );
      const choice = pickFrom(random, choices);
      if (choice === undefined) return false;
      const { account, seq } = choice.entry;
      const statement = statementAfter(last(rounds).books, account, seq - 1);
      replace(rounds, choice.attempt.number, { answer: { type: "statement", statement } });
      return true;
    },
  },
  {
    name: "a statement is older than a statement before it",
    found: ["stale-statement"],
    do: (rounds, random) => {
      const all = statements(rounds);
      const choices = all.flatMap(({ attempt, account, seen }) =>
        all
          .filter((later) => later.account === account && attempt.endedAt < later.attempt.sentAt)
          .map((later) => ({ later, newest: seen.entries[0], account })),
      );
      const { books } = last(rounds);
      const choice = pickFrom(random, choices);
      const entry = books.entries.find(({ description }) => description === choice?.newest?.description);
      if (choice === undefined || entry === undefined) return false;
      const statement = statementAfter(books, choice.account, entry.seq - 1);
      replace(rounds, choice.later.attempt.number, { answer: { type: "statement", statement } });
      return true;
    },
  },
  {
    name: "a statement shows what was asked for only later",
    found: ["order-reversed"],
    do: (rounds, random) => {
      const all = own(rounds);
      const choices = statements(rounds).flatMap(({ attempt, account }) =>
        all
          .filter((one) => one.entry.account === account && attempt.endedAt < one.attempt.sentAt)
          .map(({ entry }) => ({ attempt, entry })),
      );
      const choice = pickFrom(random, choices);
      if (choice === undefined) return false;
      const { account, seq } = choice.entry;
      const statement = statementAfter(last(rounds).books, account, seq);
      replace(rounds, choice.attempt.number, { answer: { type: "statement", statement } });
      return true;
    },
  },
  {
    name: "a statement has the balance of one moment and the entries of another",
    found: ["impossible-statement"],
    do: (rounds, random) => {
      const { books } = last(rounds);
      const one = pickFrom(random, statements(rounds));
      if (one === undefined) return false;
      const others = ofAccount(books, one.account).entries.filter(
        ({ balance }) => balance !== one.seen.balance,
      );
      const balance = pickFrom(random, others)?.balance;
      if (balance === undefined) return false;
      const statement = { ...one.seen, balance };
      replace(rounds, one.attempt.number, { answer: { type: "statement", statement } });
      return true;
    },
  },
  {
    name: "a statement has a hole in its entries",
    found: ["impossible-statement"],
    do: (rounds, random) => {
      const one = pickFrom(
        random,
        statements(rounds).filter(({ seen }) => seen.entries.length > 1),
      );
      if (one === undefined) return false;
      const entries = one.seen.entries.toSpliced(random.integer(1, one.seen.entries.length - 1), 1);
      replace(rounds, one.attempt.number, {
        answer: { type: "statement", statement: { ...one.seen, entries } },
      });
      return true;
    },
  },
  {
    name: "a statement has an entry at another time",
    found: ["impossible-statement"],
    do: (rounds, random) => {
      const one = pickFrom(
        random,
        statements(rounds).filter(({ seen }) => seen.entries.length > 1),
      );
      if (one === undefined) return false;
      const oldest = one.seen.entries.length - 1;
      const entries = one.seen.entries.map((entry, index) =>
        index === oldest ? { ...entry, time: isoTime(1_700_000_000_000_000 - 1) } : entry,
      );
      replace(rounds, one.attempt.number, {
        answer: { type: "statement", statement: { ...one.seen, entries } },
      });
      return true;
    },
  },
  {
    name: "a statement is dated before its newest entry",
    found: ["impossible-statement"],
    do: (rounds, random) => {
      const one = pickFrom(
        random,
        statements(rounds).filter(({ seen }) => seen.entries.length > 0),
      );
      if (one === undefined) return false;
      const statement = { ...one.seen, readAt: isoTime(1_700_000_000_000_000 - 1) };
      replace(rounds, one.attempt.number, { answer: { type: "statement", statement } });
      return true;
    },
  },
  {
    name: "a debit is refused though there was room all the time",
    found: ["impossible-refusal"],
    do: (rounds, random) => {
      const { books, attempts } = last(rounds);
      const { entries, limits } = ofAccount(books, "4");
      const end = Math.max(...attempts.map(({ endedAt }) => endedAt));
      // Changes that no client knows of may have come after it: so there is room in every state that ever was.
      const value = Math.min(
        ...entries.map(({ balance, creditLimit }) => balance + creditLimit),
        ...limits.map(({ afterSeq, creditLimit }) => (entries[afterSeq - 1]?.balance ?? 0) + creditLimit),
      );
      if (value < 1) return false;
      const operation = {
        type: "transact",
        account: "4",
        kind: "debit",
        value,
        description: "refused",
      } as const;
      const key = random.chance(50) ? "refused" : null;
      const answer = { type: "refused", problem: "limit-exceeded", replayed: false } as const;
      add(rounds, { operation, key, sentAt: end + 1, endedAt: end + 2, answer });
      return true;
    },
  },
  {
    name: "an account is not found that was there from the start",
    found: ["impossible-refusal"],
    do: (rounds, random) => {
      const { sentAt, endedAt } = random.pick(last(rounds).attempts);
      const answer = { type: "refused", problem: "account-not-found", replayed: false } as const;
      const operation = { type: "statement", account: idOf(random.integer(1, 5)) } as const;
      add(rounds, { operation, key: null, sentAt, endedAt, answer });
      return true;
    },
  },
  {
    name: "a refused command is applied",
    found: ["refused-and-applied"],
    do: (rounds, random) => {
      const one = pickFrom(
        random,
        own(rounds).filter(({ operation }) => operation.kind === "debit"),
      );
      if (one === undefined) return false;
      const answer = { type: "refused", problem: "limit-exceeded", replayed: false } as const;
      replace(rounds, one.attempt.number, { answer });
      return true;
    },
  },
  {
    name: "a command that was not done is applied",
    found: ["refused-and-applied"],
    do: (rounds, random) => {
      const one = pickFrom(random, own(rounds));
      if (one === undefined) return false;
      replace(rounds, one.attempt.number, { answer: { type: "not-done" } });
      return true;
    },
  },
  {
    name: "a key is answered with another outcome",
    found: ["other-outcome"],
    do: (rounds, random) => {
      const one = pickFrom(random, own(rounds, true));
      if (one === undefined) return false;
      const { attempt } = one;
      const other = random.pick([
        { type: "refused", problem: "limit-exceeded", replayed: true } as const,
        { ...attempt.answer, balance: attempt.answer.balance + 7, replayed: true },
      ]);
      add(rounds, { ...attempt, sentAt: attempt.endedAt + 1, endedAt: attempt.endedAt + 2, answer: other });
      return true;
    },
  },
  {
    name: "a key is decided anew, though with the same outcome",
    found: ["other-outcome"],
    do: (rounds, random) => {
      const one = pickFrom(random, own(rounds, true));
      if (one === undefined) return false;
      const { attempt } = one;
      add(rounds, { ...attempt, sentAt: attempt.endedAt + 1, endedAt: attempt.endedAt + 2 });
      return true;
    },
  },
  {
    name: "a transaction is refused for a reason that there is not",
    found: ["odd-answer"],
    do: (rounds, random) => {
      const one = pickFrom(random, own(rounds));
      if (one === undefined) return false;
      const problem = random.pick(["idempotency-key-reused", "limit-too-low", "internal-error"]);
      replace(rounds, one.attempt.number, { answer: { type: "refused", problem, replayed: false } });
      return true;
    },
  },
];
