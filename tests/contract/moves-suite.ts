import { afterEach, beforeEach, describe } from "bun:test";
import { accessKeysSection } from "./access-keys-section.ts";
import { accountsSection } from "./accounts-section.ts";
import { forgedIdsSection } from "./forged-ids-section.ts";
import { groupsSection } from "./groups-section.ts";
import { holdEndsSection } from "./hold-ends-section.ts";
import { holdsSection } from "./holds-section.ts";
import { listsSection } from "./lists-section.ts";
import { ownListsSection } from "./own-lists-section.ts";
import { readsSection } from "./reads-section.ts";
import { refusalsSection } from "./refusals-section.ts";
import { reversalsSection } from "./reversals-section.ts";
import { because, type LedgerUnderTest, type Skips } from "../support/ledger/commands.ts";
import { type Moves, movesOf } from "../support/ledger/moves.ts";
import { transactionsSection } from "./transactions-section.ts";

/** The contract of the port for what moves money: every adapter passes it whole. */
export function movesSuite(name: string, start: () => Promise<LedgerUnderTest>, skips: Skips = {}): void {
  describe(`moves of money: ${name}`, () => {
    let subject: LedgerUnderTest;
    let moves: Moves;
    beforeEach(async () => {
      subject = await start();
      moves = movesOf(subject, skips);
    });
    afterEach(() => subject.dispose());

    const sections = {
      accounts: accountsSection,
      transactions: transactionsSection,
      refusals: refusalsSection,
      reversals: reversalsSection,
      holds: holdsSection,
      "ends of holds": holdEndsSection,
      groups: groupsSection,
      "forged ids": forgedIdsSection,
      "access keys": accessKeysSection,
      reads: readsSection,
      lists: listsSection,
      "lists of one's own": ownListsSection,
    };
    for (const [section, define] of Object.entries(sections)) {
      const reason = section === "groups" ? skips.together : undefined;
      describe.skipIf(reason !== undefined)(because(section, reason), () => define(() => moves, skips));
    }
  });
}
