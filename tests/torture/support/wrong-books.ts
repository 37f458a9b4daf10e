import { type Corruption, add, last, ofAccount, own, pickFrom, replace, setEntries } from "./corruptions.ts";
import { byAccount, idOf } from "./simulated-ledger.ts";

/** The answers were right; the books are not. Each of these can always be seen. */
export const WRONG_BOOKS: readonly Corruption[] = [
  {
    name: "an answered entry is missing",
    found: ["chain-broken", "lost"],
    do: (rounds, random) => {
      const one = pickFrom(random, own(rounds));
      if (one === undefined) return false;
      const { books } = last(rounds);
      books.entries = books.entries.filter(({ description }) => description !== one.operation.description);
      return true;
    },
  },
  {
    name: "an answered entry is missing, and the rest was counted anew",
    found: ["lost"],
    do: (rounds, random) => {
      const one = pickFrom(random, own(rounds));
      if (one === undefined) return false;
      const { books } = last(rounds);
      const { entries } = ofAccount(books, one.entry.account);
      setEntries(
        books,
        one.entry.account,
        entries.filter(({ seq }) => seq !== one.entry.seq),
      );
      return true;
    },
  },
  {
    name: "an entry is there twice",
    found: ["doubled"],
    do: (rounds, random) => {
      const one = pickFrom(random, own(rounds));
      if (one === undefined) return false;
      const { books } = last(rounds);
      const { entries } = ofAccount(books, one.entry.account);
      setEntries(books, one.entry.account, entries.toSpliced(one.entry.seq, 0, { ...one.entry }));
      return true;
    },
  },
  {
    name: "a key is applied twice, each time with an answer of its own",
    found: ["doubled"],
    do: (rounds, random) => {
      const one = pickFrom(random, own(rounds, true));
      if (one === undefined) return false;
      const { books, attempts } = last(rounds);
      const { account } = one.entry;
      const { entries } = ofAccount(books, account);
      setEntries(books, account, [...entries, { ...one.entry, time: (entries.at(-1)?.time ?? 0) + 1 }]);
      const end = Math.max(...attempts.map(({ endedAt }) => endedAt));
      const balance = ofAccount(books, account).entries.at(-1)?.balance ?? 0;
      const creditLimit = ofAccount(books, account).limits.at(-1)?.creditLimit ?? 0;
      const answer = { ...one.attempt.answer, balance, creditLimit };
      add(rounds, { ...one.attempt, sentAt: end + 1, endedAt: end + 2, answer });
      return true;
    },
  },
  {
    name: "the books have two entries in an order that the clients rule out, with the right balances",
    found: ["order-reversed"],
    do: (rounds, random) => {
      const all = own(rounds);
      const next = new Map(all.map((one) => [`${one.entry.account} ${one.entry.seq}`, one]));
      const pairs = all.flatMap((first) => {
        const second = next.get(`${first.entry.account} ${first.entry.seq + 1}`);
        const isOrdered = second !== undefined && first.attempt.endedAt < second.attempt.sentAt;
        return isOrdered && first.entry.creditLimit === second.entry.creditLimit ? [{ first, second }] : [];
      });
      const pair = pickFrom(random, pairs);
      if (pair === undefined) return false;
      const { books } = last(rounds);
      const { account, seq } = pair.first.entry;
      const { entries } = ofAccount(books, account);
      setEntries(
        books,
        account,
        entries.toSpliced(seq - 1, 2, { ...pair.second.entry }, { ...pair.first.entry }),
      );
      for (const { attempt, operation } of [pair.first, pair.second]) {
        const entry = books.entries.find(({ description }) => description === operation.description);
        replace(rounds, attempt.number, { answer: { ...attempt.answer, balance: entry?.balance ?? 0 } });
      }
      return true;
    },
  },
  {
    name: "a limit is passed",
    found: ["limit-passed"],
    do: (rounds) => {
      const { books } = last(rounds);
      const one = own(rounds).find(
        ({ entry, operation }) =>
          operation.kind === "debit" && ofAccount(books, entry.account).entries.at(-1)?.seq === entry.seq,
      );
      if (one === undefined) return false;
      const { account, creditLimit } = one.entry;
      const value = one.entry.value + one.entry.balance + creditLimit + 1;
      const { entries } = ofAccount(books, account);
      setEntries(books, account, [...entries.slice(0, -1), { ...one.entry, value }]);
      replace(rounds, one.attempt.number, {
        operation: { ...one.operation, value },
        answer: { ...one.attempt.answer, balance: -creditLimit - 1 },
      });
      return true;
    },
  },
  {
    name: "an entry that nobody asked for",
    found: ["unasked"],
    do: (rounds, random) => {
      const { books } = last(rounds);
      const account = idOf(random.integer(1, 5));
      const { entries, limits } = ofAccount(books, account);
      const newest = entries.at(-1);
      const creditLimit = limits.at(-1)?.creditLimit ?? 0;
      const time = (newest?.time ?? 0) + 1;
      const rest = { seq: 0, balance: 0, description: "nobody", command: "req:0", time, creditLimit };
      setEntries(books, account, [...entries, { account, kind: "credit", value: 1, ...rest }]);
      return true;
    },
  },
  {
    name: "an account that nobody asked for",
    found: ["unasked"],
    do: (rounds) => {
      const { books } = last(rounds);
      books.accounts.push({ account: "nobody", name: "nobody", command: "req:0" });
      books.limits.push({ account: "nobody", version: 1, creditLimit: 1, afterSeq: 0, command: "req:0" });
      return true;
    },
  },
  {
    name: "an entry under another command's id",
    found: ["unasked"],
    do: (rounds, random) => {
      const one = pickFrom(random, own(rounds));
      if (one === undefined) return false;
      const { books } = last(rounds);
      books.entries = books.entries.map((entry) =>
        entry.description === one.operation.description ? { ...entry, command: "key:another" } : entry,
      );
      return true;
    },
  },
  {
    name: "an entry of an earlier round is another one",
    found: ["chain-broken"],
    do: (rounds, random) => {
      const before = rounds.at(-2)?.books.entries ?? [];
      const was = pickFrom(random, before);
      const { entries } = last(rounds).books;
      const at = entries.findIndex(({ account, seq }) => account === was?.account && seq === was.seq);
      const entry = entries[at];
      if (entry === undefined) return false;
      const change = random.pick([
        { description: "changed" },
        { time: entry.time + 1 },
        { command: "req:x" },
      ]);
      entries[at] = { ...entry, ...change };
      return true;
    },
  },
  {
    name: "the latest entry of an account, of an earlier round, is gone",
    found: ["lost"],
    do: (rounds, random) => {
      const { books } = last(rounds);
      const before = rounds.at(-2)?.books;
      const account = idOf(random.integer(1, 5));
      const kept = before === undefined ? 0 : ofAccount(before, account).entries.length;
      if (kept === 0) return false;
      books.entries = books.entries.filter((entry) => entry.account !== account || entry.seq < kept);
      return true;
    },
  },
  {
    name: "an account of an earlier round is gone",
    found: ["lost"],
    do: (rounds, random) => {
      const { books } = last(rounds);
      const account = pickFrom(random, (rounds.at(-2)?.books.accounts ?? []).slice(5))?.account;
      if (account === undefined) return false;
      books.accounts = books.accounts.filter((one) => one.account !== account);
      books.entries = books.entries.filter((one) => one.account !== account);
      books.limits = books.limits.filter((one) => one.account !== account);
      return true;
    },
  },
  {
    name: "an answered change of a limit is gone",
    found: ["lost", "chain-broken"],
    do: (rounds, random) => {
      const { books, attempts } = last(rounds);
      const answered = attempts.flatMap(({ operation, answer }) =>
        operation.type === "change-limit" && answer.type === "accepted" && !answer.replayed
          ? [operation]
          : [],
      );
      const one = pickFrom(random, answered);
      if (one === undefined) return false;
      let version = 0;
      const kept = ofAccount(books, one.account).limits.filter(
        ({ creditLimit }) => creditLimit !== one.creditLimit,
      );
      const others = books.limits.filter(({ account }) => account !== one.account);
      books.limits = [...others, ...kept.map((limit) => ({ ...limit, version: (version += 1) }))].toSorted(
        (a, b) => byAccount(a, b) || a.version - b.version,
      );
      return true;
    },
  },
  {
    name: "an answered opening is gone",
    found: ["lost"],
    do: (rounds, random) => {
      const { books, attempts } = last(rounds);
      const opened = attempts.flatMap(({ operation, answer }) =>
        operation.type === "open" && answer.type === "accepted" && !answer.replayed ? [answer.account] : [],
      );
      const gone = pickFrom(random, opened);
      if (gone === undefined) return false;
      books.accounts = books.accounts.filter(({ account }) => account !== gone);
      books.entries = books.entries.filter(({ account }) => account !== gone);
      books.limits = books.limits.filter(({ account }) => account !== gone);
      return true;
    },
  },
  {
    name: "an entry has another value than was asked for",
    found: ["wrong-answer"],
    do: (rounds, random) => {
      const one = pickFrom(
        random,
        own(rounds).filter(({ operation }) => operation.kind === "credit"),
      );
      if (one === undefined) return false;
      replace(rounds, one.attempt.number, {
        operation: { ...one.operation, value: one.operation.value + 1 },
      });
      return true;
    },
  },
];
