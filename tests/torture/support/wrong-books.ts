import type { Random } from "../../support/random.ts";
import { type Corruption, last, newRows, own, ownOf, pickFrom, setEvents } from "./corruptions.ts";
import type { Round } from "./simulated-clients.ts";
import type { Books } from "./simulated-ledger.ts";

type Table = "accounts" | "entries" | "holds" | "reversals";

/** A row of a table is replaced by others. */
function wrongRow<Key extends Table>(
  name: string,
  found: Corruption["found"],
  table: Key,
  change: (row: Books[Key][number]) => Books[Key][number][] | null,
): Corruption {
  return {
    name,
    found,
    do: (rounds, random) => {
      const { books } = last(rounds);
      const rows: readonly Books[Key][number][] = books[table];
      const at = random.integer(0, Math.max(0, rows.length - 1));
      const row = rows[at];
      const changed = row === undefined ? null : change(row);
      if (changed === null) return false;
      Object.assign(books, { [table]: rows.toSpliced(at, 1, ...changed) });
      return true;
    },
  };
}

/** The event of a command is changed, and the hashes follow; the tables stay. */
function wrongEvent(
  name: string,
  found: Corruption["found"],
  change: (text: string) => string[],
  isOne: (text: string) => boolean = () => true,
): Corruption {
  return {
    name,
    found,
    do: (rounds, random) => {
      const one = pickFrom(
        random,
        own(rounds).filter(({ text }) => isOne(text)),
      );
      if (one === undefined) return false;
      setEvents(rounds, one.g, (events) => events.toSpliced(one.index, 1, ...change(one.text)));
      return true;
    },
  };
}

/** A row of an earlier round. */
function keptEntry(rounds: readonly Round[], random: Random): number {
  const was = pickFrom(random, rounds.at(-2)?.books.entries ?? []);
  return last(rounds).books.entries.findIndex(
    ({ account, seq }) => account === was?.account && seq === was.seq,
  );
}

/** The answers were right; the books are not. Each of these can always be seen. */
export const WRONG_BOOKS: readonly Corruption[] = [
  wrongEvent("an answered event is missing", ["lost"], () => []),
  wrongEvent("an event is there twice", ["doubled"], (text) => [text, text]),
  wrongEvent(
    "an event under another command's id",
    ["unasked"],
    (text) => [text.replace(/([ /])key:\S+ /, "$1key:another ")],
    (text) => /^[cd] .*[ /]key:\S+ /.test(text),
  ),
  wrongEvent("an event has the name of an access key that nobody used", ["unasked"], (text) => [
    text.replace(/ (?:[a-z0-9-]+\/)?((?:key|bat|req):\S+ )/, " nobody/$1"),
  ]),
  wrongEvent(
    "an event lacks the name of the access key that its command came with",
    ["unasked"],
    (text) => [text.replace(/ (?:shop|till-2)\//, " ")],
    (text) => / (?:shop|till-2)\//.test(text),
  ),
  {
    name: "an event has the name of the access key of another attempt, which did not decide it",
    found: ["unasked"],
    do: (rounds, random) => {
      const { attempts } = last(rounds);
      const names = attempts.flatMap(({ key, by, operation, answer }) => {
        const isDecided = answer.type === "accepted" && !answer.replayed && by !== null;
        if (!isDecided || key === null || operation.type === "batch") return [];
        const others = attempts.flatMap((other) =>
          other.key === key && other.by !== by && other.by !== null && other.answer.type !== "not-done"
            ? [other.by]
            : [],
        );
        return others.map((other) => ({ was: ` ${by}/key:${key} `, is: ` ${other}/key:${key} ` }));
      });
      const one = pickFrom(random, names);
      const row = newRows(rounds).find(({ events }) =>
        events.some((text) => text.includes(one?.was ?? "\n")),
      );
      if (one === undefined || row === undefined) return false;
      setEvents(rounds, row.g, (events) => events.map((text) => text.replace(one.was, one.is)));
      return true;
    },
  },
  wrongEvent(
    "an event that nobody asked for",
    ["unasked"],
    (text) => [text, text.replace(/ (\S+\/)?(key|req):\S+ .*$/, " req:none nobody")],
    (text) => /^[cd] /.test(text),
  ),
  wrongEvent(
    "an accepted command is in the journal as refused",
    ["other-outcome"],
    (text) => [text.replace(/^[cd] .* (\S*\bkey:\S+) .*$/, "x 1 limit-exceeded/1 $1 content")],
    (text) => /^[cd] .*[ /]key:\S+ /.test(text),
  ),
  {
    name: "an answered refusal under a key is missing",
    found: ["lost"],
    do: (rounds, random) => {
      const refused = last(rounds).attempts.flatMap(({ key, operation, answer }) =>
        key !== null && operation.type !== "batch" && answer.type === "refused" && !answer.replayed
          ? [key]
          : [],
      );
      const key = pickFrom(random, refused);
      const row = newRows(rounds).find(({ events }) => events.some((text) => isRefusalOf(text, key)));
      if (row === undefined) return false;
      setEvents(rounds, row.g, (events) => events.filter((text) => !isRefusalOf(text, key)));
      return true;
    },
  },
  {
    name: "a refusal that had no reason",
    found: ["impossible-refusal"],
    do: (rounds, random) => {
      const refusals = newRows(rounds).flatMap(({ g, events }) =>
        events.flatMap((text, index) =>
          text.includes(" limit-exceeded/") && text.startsWith("x ") ? [{ g, index, text }] : [],
        ),
      );
      const one = pickFrom(random, refusals);
      if (one === undefined) return false;
      const other = one.text.replace("limit-exceeded", "balance-out-of-range");
      setEvents(rounds, one.g, (events) => events.toSpliced(one.index, 1, other));
      return true;
    },
  },
  {
    name: "an atomic batch is there in part",
    found: ["partly-applied"],
    do: (rounds, random) => {
      const batches = last(rounds).attempts.flatMap(({ operation, answer, key }) =>
        operation.type === "batch" && operation.atomic && answer.type === "batch" && answer.refused === null
          ? [key]
          : [],
      );
      const key = pickFrom(random, batches);
      const row = newRows(rounds).find(({ events }) => events.some((text) => isOfBatch(text, key)));
      if (row === undefined || row.events.filter((text) => isOfBatch(text, key)).length < 2) return false;
      const gone = row.events.findIndex((text) => isOfBatch(text, key));
      setEvents(rounds, row.g, (events) => events.toSpliced(gone, 1));
      return true;
    },
  },
  {
    name: "two events are in an order that the clients rule out",
    found: ["order-reversed"],
    do: (rounds, random) => {
      const all = ownOf(rounds, "transact").filter(({ text }) => /^[cd] /.test(text));
      const alone = new Set(newRows(rounds).flatMap(({ g, events }) => (events.length === 1 ? [g] : [])));
      const pairs = all.flatMap((first) =>
        all
          .filter(
            (second) =>
              alone.has(first.g) &&
              alone.has(second.g) &&
              first.attempt.endedAt < second.attempt.sentAt &&
              first.operation.account !== second.operation.account,
          )
          .map((second) => ({ first, second })),
      );
      const pair = pickFrom(random, pairs);
      if (pair === undefined) return false;
      setEvents(rounds, pair.first.g, () => [pair.second.text]);
      setEvents(rounds, pair.second.g, () => [pair.first.text]);
      return true;
    },
  },
  // Of an account without new entries, it is its latest that may be: then there are fewer than after the round before.
  wrongRow("an entry is missing", ["chain-broken", "lost"], "entries", () => []),
  wrongRow("an entry is there twice", ["doubled", "chain-broken"], "entries", (row) => [row, row]),
  wrongRow("an entry has another reference", ["chain-broken"], "entries", (row) => [
    { ...row, reference: "another" },
  ]),
  wrongRow("an entry has another counterparty", ["chain-broken"], "entries", (row) => [
    { ...row, counterparty: "another" },
  ]),
  wrongRow("a balance is off by one", ["sum-off"], "accounts", (row) => [
    { ...row, balance: row.balance + 1 },
  ]),
  wrongRow("what is held is not what the open holds are", ["held-off"], "accounts", (row) => [
    { ...row, held: row.held + 1 },
  ]),
  wrongRow("an account has less than nothing available", ["limit-passed"], "accounts", (row) => [
    { ...row, balance: row.held - row.creditLimit - 1 },
  ]),
  wrongRow("an account has another state", ["chain-broken"], "accounts", (row) => [
    { ...row, state: row.state === "closed" ? ("open" as const) : ("closed" as const) },
  ]),
  wrongRow("an account is missing", ["chain-broken"], "accounts", () => []),
  wrongRow("an open hold is missing", ["held-off"], "holds", (row) => (row.state === "open" ? [] : null)),
  wrongRow("a hold has another end", ["chain-broken"], "holds", (row) =>
    row.state === "open" ? null : [{ ...row, captured: row.captured + 1 }],
  ),
  wrongRow("a reversal is missing", ["chain-broken"], "reversals", () => []),
  {
    name: "an entry of an earlier round is another one",
    found: ["chain-broken"],
    do: (rounds, random) => {
      const { entries } = last(rounds).books;
      const at = keptEntry(rounds, random);
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
    name: "the latest entries of an account, of an earlier round, are gone",
    found: ["lost"],
    do: (rounds, random) => {
      const { books } = last(rounds);
      const entry = books.entries[keptEntry(rounds, random)];
      if (entry === undefined) return false;
      books.entries = books.entries.filter(
        ({ account, seq }) => account !== entry.account || seq < entry.seq,
      );
      return true;
    },
  },
  {
    name: "the journal of an earlier round is another one",
    found: ["chain-broken"],
    do: (rounds) => {
      const before = rounds.at(-2)?.books.journal.at(-1);
      if (before === undefined) return false;
      setEvents(rounds, before.g, (events) => events.map((text) => text.replace(/\d(?= )/, "7")));
      return last(rounds).books.journal.find(({ g }) => g === before.g)?.hash !== before.hash;
    },
  },
];

function isRefusalOf(text: string, key: string | undefined): boolean {
  return text.startsWith("x ") && new RegExp(`[ /]key:${key} `).test(text);
}

function isOfBatch(text: string, key: string | null | undefined): boolean {
  return new RegExp(`[ /](key|bat:\\d+):${key} `).test(text);
}
