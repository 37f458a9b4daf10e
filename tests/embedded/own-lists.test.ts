import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { bounds } from "../../src/bounds.ts";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { accepted, held, hold, open } from "../support/ledger/commands.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

setDefaultTimeout(60_000);

test("many accounts with one beginning are looked for in a part of all there is, and the next page goes on", async () => {
  using folder = temporaryFolder();
  const ledger = new EmbeddedLedger({ file: join(folder.path, "razonete.db") });
  const ids = Array.from({ length: bounds.list_own_accounts_max + 1 }, (_, index) => `own:${index}`);
  await ledger.submitEach([...ids, "other"].map((account) => open(1_000_000, { account })));
  const own = held(await ledger.submit(hold(ids[7] ?? "", 1)));
  const others = Array.from({ length: bounds.list_own_rows_max + 1_000 }, () => hold("other", 1));
  for (const one of await ledger.submitEach(others)) if (one.status === "fulfilled") accepted(one.value);
  const filter = { idBeginning: "own:", account: null, state: null };
  const first = await ledger.holds(filter, { count: 10, after: null });
  expect(first.items).toEqual([]);
  expect(first.next).not.toBeNull();
  const second = await ledger.holds(filter, { count: 10, after: first.next });
  expect(second).toEqual({ items: [own], next: null });
  // Without a beginning there is no such end.
  const all = await ledger.holds(
    { ...filter, idBeginning: "", account: ids[7] ?? "" },
    { count: 10, after: null },
  );
  expect(all.items).toEqual([own]);
  await ledger.close();
});
