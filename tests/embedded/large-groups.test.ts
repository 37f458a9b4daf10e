import { expect, test } from "bun:test";
import { join } from "node:path";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { open, resultOf, transaction } from "../support/ledger/commands.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();

const COMMANDS = 500;
const POSTINGS = 20;

/** The largest atomic batch, with an account of its own for each posting: more values than Lua's stack holds. */
async function submitLargest(ledger: Ledger): Promise<void> {
  const ids = Array.from({ length: COMMANDS * POSTINGS }, (_, index) => `a${index}`);
  for (let from = 0; from < ids.length; from += 500) {
    const some = ids.slice(from, from + 500);
    await Promise.all(some.map(async (account) => resultOf(await ledger.submit(open(1, { account })))));
  }
  const commands = Array.from({ length: COMMANDS }, (_, command) =>
    transaction(
      ids.slice(command * POSTINGS, (command + 1) * POSTINGS).map((id) => [id, "@world", 1] as const),
      { id: `bat:${command}:k` },
    ),
  );
  const answer = await ledger.submitAll(commands);
  expect(answer).toMatchObject({ type: "done" });
  expect(await ledger.submitAll(commands)).toMatchObject({
    outcomes: [{ replayed: true }, ...commands.slice(1).map(() => ({}))],
  });
  for (const id of ["a0", "a4999", "a9999"])
    expect(await ledger.account(id)).toMatchObject({ balance: -1, seq: 1 });
  // The last posting of all is refused, and with it everything.
  const more = commands.map((command, index) =>
    index < COMMANDS - 1
      ? {
          ...command,
          id: `bat:${index}:l` as const,
          postings: command.postings.map(({ from }) => ({ from: "@world", to: from, amount: 1 })),
        }
      : { ...command, id: `bat:${index}:l` as const },
  );
  expect(await ledger.submitAll(more)).toMatchObject({
    type: "refused",
    index: COMMANDS - 1,
    refused: { refusal: "limit-exceeded", account: "a9980", index: 0 },
  });
  expect(await ledger.account("a0")).toMatchObject({ balance: -1, seq: 1 });
}

test("the largest atomic batch is done or refused as a whole: embedded", async () => {
  using folder = temporaryFolder();
  const ledger = new EmbeddedLedger({ file: join(folder.path, "razonete.db") });
  await submitLargest(ledger);
  await ledger.close();
}, 60_000);
