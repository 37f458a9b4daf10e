import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { buildFsyncRecord, cutToSynced, whyNoFsyncRecord } from "../../../proof/torture/faults/power-loss.ts";
import { KeptBooks } from "../../support/kept-books.ts";
import { balanceOf, call } from "../../support/api.ts";
import { Cluster, type ClusterOptions } from "../../support/cluster.ts";
import { serversMissing } from "../../support/servers/binaries.ts";
import { eventually } from "../../support/eventually.ts";
import { failOnLeaks } from "../../support/leaks.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { type BugName, BUG_NAMES } from "./support/bugs.ts";
import { commandsWith } from "./support/commands.ts";

failOnLeaks();
setDefaultTimeout(150_000);

const made = z.object({ id: z.string() });
const madeKey = z.object({ key: z.string() });
const shownAccount = z.object({ balance: z.int(), available: z.int() });
const shownStatement = z.object({ saldo: z.object({ total: z.int() }) });

/**
 * Does what the bug does not stand. Tells what is wrong then, for a person; null where all is well.
 *
 * @param recordFolder of what Redis has synced
 */
type Scenario = (cluster: Cluster, recordFolder: string) => Promise<string | null>;

interface Case {
  readonly scenarios: readonly Scenario[];
  readonly options?: ClusterOptions;
  /** Why it cannot be shown here. */
  readonly missing?: string | null;
  /** With the bug all is well, too. */
  readonly harmless?: boolean;
  /** It makes access keys, so that nothing else can be done without one on that cluster afterwards. */
  readonly closes?: boolean;
}

const CREDITS_AT_ONCE = 40;
const CREDITS_OVER_BOTH = 1_000;
const TWO_WRITERS: ClusterOptions = { apis: 1, writers: 2 };
const noRecord = whyNoFsyncRecord();

const CASES: Readonly<Record<BugName, Case>> = {
  "trimmed-at-publication": { scenarios: [writerAway], options: { apis: 1 } },
  "ids-off": { scenarios: [sentTwice], options: { apis: 1 } },
  "fence-off": { scenarios: [olderRedis, emptyRedis], options: { apis: 1 } },
  "two-writers-lock-only": { scenarios: [steadyCredits], options: TWO_WRITERS, harmless: true },
  "two-writers": { scenarios: [steadyCredits], options: TWO_WRITERS },
  "two-writers-bare": { scenarios: [steadyCredits], options: TWO_WRITERS },
  "fsync-no": {
    scenarios: [powerLost],
    options: { apis: 1 },
    missing: noRecord,
  },
  "read-then-write": { scenarios: [bothApis] },
  "hold-not-counted": { scenarios: [heldAndSpent], options: { apis: 1 } },
  "captured-after-expiry": { scenarios: [expiredAndCaptured], options: { apis: 1 } },
  "captured-twice": { scenarios: [capturedTwice], options: { apis: 1 } },
  "postings-one-by-one": { scenarios: [secondPostingRefused], options: { apis: 1 } },
  "batch-in-part": { scenarios: [secondCommandRefused], options: { apis: 1 } },
  "reversed-twice": { scenarios: [takenBackTwice], options: { apis: 1 } },
  "names-of-another": { scenarios: [severalNames], options: { apis: 1 }, closes: true },
  "no-copies": { scenarios: [], missing: "one Redis has no replicas; see bugs-found.long.test.ts" },
  "undone-unasked": { scenarios: [], missing: "there is one shard; see bugs-found.long.test.ts" },
};

describe.skipIf(serversMissing !== null)("a bug that is built in", () => {
  for (const bug of BUG_NAMES) {
    const { scenarios, options = {}, harmless = false, missing = null } = CASES[bug];
    test.skipIf(missing !== null)(
      `${bug}: plain requests are answered, and ${harmless ? "no harm is done" : "harm shows it"}`,
      async () => {
        using folder = temporaryFolder();
        const recorded = recordIn(folder.path);
        await using cluster = await Cluster.start({
          ...options,
          ...recorded.options,
          own: commandsWith(bug),
        });
        await answersPlainRequests(cluster);
        for (const scenario of scenarios) {
          const wrong = await scenario(cluster, recorded.folder);
          console.log(`${bug}: ${wrong ?? "no harm"}`);
          if (harmless) expect(wrong, scenario.name).toBeNull();
          else expect(wrong, scenario.name).not.toBeNull();
        }
        // That no harm was done says something only where there were two.
        if (bug === "two-writers-lock-only") expect(cluster.writers.every(isActive)).toBeTrue();
      },
    );
  }

  test("without one nothing is wrong in any of the scenarios", async () => {
    using folder = temporaryFolder();
    const recorded = recordIn(folder.path);
    await using cluster = await Cluster.start({ apis: 2, writers: 2, ...recorded.options });
    await answersPlainRequests(cluster);
    const possible = BUG_NAMES.filter((bug) => (CASES[bug].missing ?? null) === null && !CASES[bug].closes);
    const scenarios = [...new Set(possible.flatMap((bug) => CASES[bug].scenarios))];
    // Those that leave a Redis behind that is not to be asked come last.
    const last = CASES["fence-off"].scenarios;
    for (const scenario of [...scenarios.filter((one) => !last.includes(one)), ...last]) {
      expect(await scenario(cluster, recorded.folder), scenario.name).toBeNull();
    }
  });

  test("nor in the one that makes access keys", async () => {
    await using cluster = await Cluster.start({ apis: 1 });
    await answersPlainRequests(cluster);
    expect(await severalNames(cluster)).toBeNull();
  });

  test("that the program does not know ends the process", () => {
    const run = Bun.spawnSync(commandsWith("ids-off").init.with(1, "RAZONETE_TEST_BUG=none-such"));
    expect(run.exitCode).toBe(70);
    expect(run.stderr.toString()).toContain("there is no bug none-such");
  });
});

function recordIn(folder: string): { readonly folder: string; readonly options: ClusterOptions } {
  if (noRecord !== null) return { folder, options: {} };
  const record = buildFsyncRecord(folder);
  return { folder: record.folder, options: { redisEnvironment: record.environment } };
}

async function answersPlainRequests(cluster: Cluster): Promise<void> {
  await cluster.balanced();
  const answers = [await credit(cluster.url, 5), await credit(cluster.url, 5), await credit(cluster.url, 5)];
  expect(answers).toEqual([1, 2, 3]);
  const debit = { valor: 500_004, tipo: "d", descricao: "too much" };
  expect((await call(cluster.url, "POST", "/clientes/5/transacoes", debit)).status).toBe(422);
  const { body } = await call(cluster.url, "GET", "/clientes/5/extrato");
  expect(body).toMatchObject({ saldo: { total: 3, limite: 500_000 } });
  await withBooks(cluster, async (books) => {
    await eventually("the books have them", async () => {
      return (await books.entries()).filter(({ account }) => account === "5").length >= 3;
    });
  });
}

/** What is decided while no writer is there. */
async function writerAway(cluster: Cluster): Promise<string | null> {
  return withBooks(cluster, async (books) => {
    await books.drained();
    await Promise.all(cluster.writers.map((writer) => writer.kill()));
    await answered(cluster, 20);
    await eventually("the feed has taken everything, or the outbox keeps it", async () => {
      const { length } = await books.outbox();
      return length === 0 || length === 20;
    });
    // As long as the feed takes, and more: the outbox of the right one keeps all of it.
    await Bun.sleep(200);
    await Promise.all(cluster.writers.map((writer) => writer.start()));
    return outcome(cluster, books);
  });
}

/** A client that sends a request again. */
async function sentTwice({ url }: Cluster): Promise<string | null> {
  const body = { valor: 1, tipo: "c", descricao: "twice" };
  const key = crypto.randomUUID();
  const send = () => call(url, "POST", "/clientes/1/transacoes", body, key);
  const [first, second] = [balanceOf(await send()).saldo, balanceOf(await send()).saldo];
  return first === second ? null : `the balance was ${first}, and ${second} when it was sent again`;
}

/** Redis comes back with what it had before. */
async function olderRedis(cluster: Cluster): Promise<string | null> {
  const { redis, url } = cluster;
  return withBooks(cluster, async (books) => {
    await books.drained();
    await redis.process.kill();
    const copy = redis.backUp();
    await redis.process.start();
    await eventually("Redis is admitted again", async () => (await statementOf(url)) !== null);
    const told = await credit(url);
    await books.drained();
    await redis.process.kill();
    redis.putBack(copy);
    await redis.process.start();
    let shown: number | null = null;
    await eventually("an API answers, or says that Redis is older", async () => {
      shown = await statementOf(url);
      const ready = await call(url, "GET", "/readyz").catch(() => null);
      return shown !== null || (ready?.status === 503 && !cluster.run("init").success);
    });
    return shown === null ? null : `the balance was ${told}, and is ${String(shown)}`;
  });
}

/** Redis comes back with nothing, and somebody makes the ledger again. */
async function emptyRedis(cluster: Cluster): Promise<string | null> {
  const { redis } = cluster;
  await redis.process.kill();
  redis.forget();
  await redis.process.start();
  return cluster.run("init").success ? "Redis is filled from the books, whatever it had decided since" : null;
}

/** Credits one after the other, over a while in which both writers keep. */
async function steadyCredits(cluster: Cluster): Promise<string | null> {
  await answered(cluster, 150);
  return withBooks(cluster, (books) => outcome(cluster, books));
}

/** Redis loses what was not synced when its power goes. */
async function powerLost({ redis, url }: Cluster, recordFolder: string): Promise<string | null> {
  const told = await credit(url);
  await redis.process.kill();
  const cut = cutToSynced(redis.log, recordFolder);
  await redis.process.start();
  let shown: number | null = null;
  let ready = true;
  await eventually("an API answers, or says that Redis is older", async () => {
    shown = await statementOf(url);
    ready = (await call(url, "GET", "/readyz")).status === 200;
    return shown !== null || !ready;
  });
  return shown === told
    ? null
    : `the balance was ${told}, and is ${shown}, with ${JSON.stringify(cut)} of the log lost`;
}

/** Credits of one cent over both APIs at once: each leads to a balance of its own. */
async function bothApis(cluster: Cluster): Promise<string | null> {
  const urls = cluster.apis.map((_, index) => cluster.apiUrl(index));
  const balances = new Set<number>();
  for (let told = 0; told < CREDITS_OVER_BOTH;) {
    const together = Array.from({ length: CREDITS_AT_ONCE }, (_, index) => urls[index % urls.length] ?? "");
    for (const balance of await Promise.all(together.map((url) => credit(url)))) balances.add(balance);
    told += CREDITS_AT_ONCE;
    if (balances.size < told) return `${told} credits led to only ${balances.size} balances`;
  }
  return null;
}

/** More than what is left beside a hold. */
async function heldAndSpent({ url }: Cluster): Promise<string | null> {
  const available = (await readAccount(url, "2")).available;
  await call(url, "POST", "/v1/holds", { from: "2", amount: available });
  const { status } = await call(url, "POST", "/clientes/2/transacoes", {
    valor: 1,
    tipo: "d",
    descricao: "d",
  });
  return status === 422 ? null : `a debit of what is held was answered with ${status}`;
}

/** Holds of a second, each captured once it is over. */
async function expiredAndCaptured({ url }: Cluster): Promise<string | null> {
  for (let times = 0; times < 5; times += 1) {
    const hold = await held(url, 1, 1);
    await Bun.sleep(1_020);
    const { status } = await call(url, "POST", `/v1/holds/${hold}/capture`);
    if (status !== 422) return `a capture of what has expired was answered with ${status}`;
  }
  return null;
}

async function capturedTwice({ url }: Cluster): Promise<string | null> {
  const hold = await held(url, 5, 60);
  await call(url, "POST", `/v1/holds/${hold}/capture`);
  const { status } = await call(url, "POST", `/v1/holds/${hold}/capture`);
  return status === 422 ? null : `the second capture was answered with ${status}`;
}

async function secondPostingRefused({ url }: Cluster): Promise<string | null> {
  const postings = [
    { from: "4", to: "@world", amount: 10_000_000_000 },
    { from: "@world", to: "3", amount: 7 },
  ];
  const before = (await readAccount(url, "3")).balance;
  const { status } = await call(url, "POST", "/v1/transactions", { postings });
  const after = (await readAccount(url, "3")).balance;
  return status === 422 && after === before
    ? null
    : `${status}, and the balance went from ${before} to ${after}`;
}

async function secondCommandRefused({ url }: Cluster): Promise<string | null> {
  const posting = (from: string, to: string, amount: number) => ({
    op: "transaction",
    body: { postings: [{ from, to, amount }] },
  });
  const commands = [posting("@world", "3", 7), posting("4", "@world", 10_000_000_000)];
  const before = (await readAccount(url, "3")).balance;
  const { status } = await call(url, "POST", "/v1/batches", { atomic: true, commands });
  const after = (await readAccount(url, "3")).balance;
  return status === 422 && after === before
    ? null
    : `${status}, and the balance went from ${before} to ${after}`;
}

async function takenBackTwice({ url }: Cluster): Promise<string | null> {
  const postings = [{ from: "@world", to: "3", amount: 7 }];
  const { body } = await call(url, "POST", "/v1/transactions", { postings });
  const path = `/v1/transactions/${made.parse(body).id}/reversal`;
  await call(url, "POST", path);
  const { status } = await call(url, "POST", path);
  return status === 422 ? null : `the second reversal was answered with ${status}`;
}

/** Credits of two clients with a key each, at once. */
async function severalNames(cluster: Cluster): Promise<string | null> {
  const tokens = ["one", "two"].map((name) => {
    const flags = ["create", "--name", name, "--scopes", "admin", "--json"];
    return madeKey.parse(JSON.parse(cluster.run("keys", ...flags).stdout.toString())).key;
  });
  await eventually("it asks for a key", async () => (await statementOf(cluster.url)) === null);
  const send = async (token: string, descricao: string): Promise<number> => {
    const { status } = await fetch(`${cluster.url}/clientes/1/transacoes`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ valor: 1, tipo: "c", descricao }),
    });
    return status;
  };
  await eventually("both keys count", async () =>
    (await Promise.all(tokens.map((token) => send(token, "first")))).every((status) => status === 200),
  );
  const credits = Array.from({ length: 100 }, () =>
    tokens.map((token, index) => send(token, index === 0 ? "one" : "two")),
  );
  const statuses = await Promise.all(credits.flat());
  expect(new Set(statuses)).toEqual(new Set([200]));
  return withBooks(cluster, async (books) => {
    await books.drained();
    const [found] = await books.sql<{ all: number; wrong: number }[]>`
      SELECT count(*) AS all, count(*) FILTER (WHERE NOT starts_with(command, description || '/')) AS wrong
      FROM entries WHERE description IN ('one', 'two')`;
    expect(found?.all).toBe(statuses.length);
    return found?.wrong === 0 ? null : `${found?.wrong} credits have the name of another's key`;
  });
}

async function held(url: string, amount: number, seconds: number): Promise<string> {
  const { body } = await call(url, "POST", "/v1/holds", { from: "4", amount, expires_in: seconds });
  return made.parse(body).id;
}

async function readAccount(url: string, id: string): Promise<z.infer<typeof shownAccount>> {
  return shownAccount.parse((await call(url, "GET", `/v1/accounts/${id}`)).body);
}

/** Once the writers have kept everything or ended: what is wrong with the books. */
async function outcome(cluster: Cluster, books: KeptBooks): Promise<string | null> {
  const alarm = () => alarmOf(cluster);
  await eventually("the books have everything, or a writer has ended", async () => {
    const { g, length } = await books.outbox();
    return alarm() !== null || (length === 0 && (await books.lastG()) === g);
  });
  const faults = await books.faults();
  return alarm() ?? faults[0] ?? null;
}

/** What a writer said that met a divergence. */
function alarmOf({ writers }: Cluster): string | null {
  const said = writers.map(({ logFile }) => /ALARM.*/.exec(readFileSync(logFile, "utf8"))?.[0]);
  return said.find((line) => line !== undefined) ?? null;
}

function isActive({ logFile }: Cluster["writers"][number]): boolean {
  return readFileSync(logFile, "utf8").includes("this writer is active");
}

async function answered({ url }: Cluster, count: number): Promise<void> {
  for (let number = 0; number < count; number += 1) await credit(url);
}

/** Credits one cent, and tells the balance. */
async function credit(url: string, account = 1): Promise<number> {
  const body = { valor: 1, tipo: "c", descricao: "credit" };
  return balanceOf(await call(url, "POST", `/clientes/${account}/transacoes`, body)).saldo;
}

/** The balance that a statement shows; null where there is none. */
async function statementOf(url: string): Promise<number | null> {
  const { status, body } = await call(url, "GET", "/clientes/1/extrato");
  return status === 200 ? shownStatement.parse(body).saldo.total : null;
}

async function withBooks<T>(cluster: Cluster, look: (books: KeptBooks) => Promise<T>): Promise<T> {
  const books = new KeptBooks(cluster);
  try {
    return await look(books);
  } finally {
    await books.close();
  }
}
