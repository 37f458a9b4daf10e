import {
  type Corruption,
  last,
  ofAccount,
  own,
  pickFrom,
  replace,
  setEntries,
  statementAfter,
  statements,
} from "./corruptions.ts";

/** Each with how many of 100 are found at least: if the operations overlapped in time, nothing is wrong. */
export const SOMETIMES_SEEN: readonly (readonly [Corruption, number])[] = [
  [
    {
      name: "a statement of any earlier state of the round",
      found: ["stale-statement"],
      do: (rounds, random) => {
        const { books } = last(rounds);
        const one = pickFrom(random, statements(rounds));
        if (one === undefined) return false;
        const newest = one.seen.entries[0]?.description;
        const { entries } = ofAccount(books, one.account);
        const seq = entries.findIndex(({ description }) => description === newest) + 1;
        if (seq < 1) return false;
        const back = random.integer(1, Math.min(seq, 3));
        const statement = statementAfter(books, one.account, seq - back);
        replace(rounds, one.attempt.number, { answer: { type: "statement", statement } });
        return true;
      },
    },
    55,
  ],
  [
    {
      name: "two neighbours in the books exchanged, with the right balances",
      found: ["order-reversed", "impossible-statement", "limit-passed", "impossible-refusal"],
      do: (rounds, random) => {
        const all = own(rounds);
        const next = new Map(all.map((one) => [`${one.entry.account} ${one.entry.seq}`, one]));
        const pairs = all.flatMap((first) => {
          const second = next.get(`${first.entry.account} ${first.entry.seq + 1}`);
          return second?.entry.creditLimit === first.entry.creditLimit ? [[first, second] as const] : [];
        });
        const pair = pickFrom(random, pairs);
        if (pair === undefined) return false;
        const { books } = last(rounds);
        const [first, second] = pair;
        const { account, seq } = first.entry;
        const { entries } = ofAccount(books, account);
        setEntries(books, account, entries.toSpliced(seq - 1, 2, { ...second.entry }, { ...first.entry }));
        for (const { attempt, operation } of pair) {
          const entry = books.entries.find(({ description }) => description === operation.description);
          replace(rounds, attempt.number, { answer: { ...attempt.answer, balance: entry?.balance ?? 0 } });
        }
        return true;
      },
    },
    70,
  ],
];
