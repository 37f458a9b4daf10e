import { JournalReplay } from "../../../proof/torture/check/journal-replay.ts";
import { RoundFindings } from "../../../proof/torture/check/round-violations.ts";
import { WORLD } from "../../../proof/torture/clients/history.ts";
import { journalHash } from "../../../src/ledger/journal.ts";
import type { Books } from "./simulated-ledger.ts";

/** The books of a journal that is written by hand: of each shard its events, one a batch. They follow from it, right or wrong. */
export function booksOf(shards: readonly (readonly string[])[]): Books {
  const journal = shards.flatMap((events, shard) => {
    let previous = Buffer.alloc(32);
    return events.map((event, g) => {
      const row = { shard, g, time: 0, events: [event] };
      const hash = Buffer.from(journalHash({ ...row, previous }));
      const made = { ...row, previous: previous.toString("hex"), hash: hash.toString("hex") };
      previous = hash;
      return made;
    });
  });
  const replay = new JournalReplay();
  replay.play(journal, new RoundFindings());
  const { history, entries } = replay;
  const party = (id: string): string | null => (id === WORLD ? null : id);
  return {
    journal,
    accounts: [...history.accounts()].map(({ id: account, ...row }) => ({ account, ...row })),
    entries: [...entries.values()]
      .flat()
      .map(({ counterparty, ...entry }) => ({ ...entry, counterparty: party(counterparty) })),
    holds: [...history.holds()].map(({ id, from, to, ...hold }) => {
      const [shard = 0, g = 0, event = 0] = id.slice(1).split("-").map(Number);
      return { ...hold, shard, g, event, account: from, to: party(to) };
    }),
    reversals: [...history.transactions()].flatMap(({ id, reversedBy }) =>
      reversedBy === null ? [] : [{ reversed: id, reversal: reversedBy }],
    ),
  };
}
