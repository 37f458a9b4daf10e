import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { readAccounts } from "../support/api.ts";
import { auditFile } from "../support/audit-file.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { spawnServer, startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { Journal } from "../support/answer-log.ts";
import { openContested, startLoad } from "../support/contending-load.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const KILLS = 14;
const RESENT_OF_EACH_MAX = 30;
const seed = testSeed();

// kill -9 does not take from the kernel what was written but not yet synced: that each commit waits for its fsync
// cannot be seen here, only under the loss of power. That the answer waits for the commit is what this test sees.
describe("kill -9 under load", () => {
  test(`${KILLS} times: nothing answered is lost, doubled or changed (seed ${seed})`, async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    const random = new Random(seed);
    const journal = new Journal();
    let accounts: readonly string[] = [];

    for (let kills = 0; kills <= KILLS; kills += 1) {
      if (kills % 3 === 2) await killWhileStarting(data, random);
      await using server = await startServer({ data });
      if (kills === 0) accounts = await openContested(server.url, journal);
      await journal.check(server.url);
      await resend(server.url, journal, random);
      await journal.check(server.url);
      if (kills === KILLS) {
        expect(await server.stop()).toBe(0);
      } else {
        const load = startLoad(server.url, journal, accounts, random);
        await Bun.sleep(random.integer(50, 350));
        await server.kill();
        await load.stop();
      }
      expect(server.output().stderr).toBe("");
    }

    const entries = auditFile(join(data, "razonete.db"));
    expect(entries.length).toBe(journal.count("accepted") + (await unknownsIn(entries, journal)));
    // Without these the run has shown nothing.
    expect(journal.count("accepted")).toBeGreaterThan(KILLS);
    expect(journal.count("refused")).toBeGreaterThan(0);
  }, 120_000);
});

test(`killed while it makes its file, the next start has the five accounts (seed ${seed})`, async () => {
  const random = new Random(seed);
  for (let round = 0; round < 12; round += 1) {
    using folder = temporaryFolder();
    await killWhileStarting(folder.path, random);
    await using server = await startServer({ data: folder.path });
    expect((await readAccounts(server.url)).length).toBe(5);
    expect(server.output().stderr).toBe("");
  }
});

/** The start itself, which brings back what the log holds, may be killed as well. */
async function killWhileStarting(data: string, random: Random): Promise<void> {
  const server = spawnServer({ data });
  await Bun.sleep(random.integer(10, 150));
  await server.kill();
}

/** Some of all kinds with a key: the latest, for these the crash has come in between. */
async function resend(url: string, journal: Journal, random: Random): Promise<void> {
  const keyed = journal.attempts.filter(({ key }) => key !== null);
  for (const type of ["unknown", "accepted", "refused"] as const) {
    const latest = keyed.filter(({ known }) => known.type === type).slice(-RESENT_OF_EACH_MAX);
    await journal.resend(url, latest);
  }
  if (keyed.length > 0) await journal.resend(url, [random.pick(keyed)]);
}

async function unknownsIn(
  entries: readonly { readonly description: string }[],
  journal: Journal,
): Promise<number> {
  const unknown = new Set(
    journal.attempts.filter(({ known }) => known.type === "unknown").map(({ descricao }) => descricao),
  );
  return entries.filter(({ description }) => unknown.has(description)).length;
}
