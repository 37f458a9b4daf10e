/**
 * How long an audit takes and how much memory its process needs, on ledgers that are made up for it:
 *
 *     bun tests/audit/support/measure.ts cluster|embedded <accounts> <entries of each> [<batches in the outbox>]
 *
 * `cluster 1000000 10` and `cluster 1 10000000` are the two extremes of ten million entries. The machine should have
 * nothing else to do; with statements of a million accounts Redis takes 3 GB. A batch in the outbox, and in a data file's
 * journal, is of ten entries. (FILE_BATCH=1 makes it one, in a data file's journal.)
 */
import { Database } from "bun:sqlite";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { functionLibrary } from "../../../src/decide/function-library.ts";
import { EmbeddedLedger } from "../../../src/embedded/embedded-ledger.ts";
import { CONTEST_UNIT } from "../../../src/ledger/account.ts";
import { openingHash } from "../../../src/ledger/content-hash.ts";
import { journalHash, NO_HASH } from "../../../src/ledger/journal.ts";
import { connectPostgres } from "../../../src/keep/postgres-client.ts";
import { initialise } from "../../../src/keep/init.ts";
import { startNats } from "../../support/servers/nats.ts";
import { startPostgres } from "../../support/servers/postgres.ts";
import { startRedis } from "../../support/servers/redis.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { rebuildCluster } from "../../../src/rebuild/rebuild-cluster.ts";
import { rebuildFile } from "../../../src/rebuild/rebuild-file.ts";
import { connectRedis, headKey, type Redis } from "../../../src/decide/redis-client.ts";

const MAIN = join(import.meta.dir, "../../../src/cli/main.ts");
const FILL_ACCOUNTS = 10_000;
/** All tables are made of the journal. */
const REBUILD = { confirm: async () => true, say: () => {}, onProgress: () => {} };
/** Events in a row of a data file's journal. */
const FILE_BATCH = Number(process.env["FILE_BATCH"] ?? 10);
const BATCH_ENTRIES = 50;

/** Every second entry is a debit of 900, the others are credits of 1000. The same text in PostgreSQL and Lua. */
const VALUE = "CASE s % 2 WHEN 1 THEN 1000 ELSE 900 END";
const BALANCE = "s / 2 * 100 + CASE s % 2 WHEN 1 THEN 1000 ELSE 0 END";

/** An id as long as a made one, and its digits before the number. */
const ID = "'a0mc3k9d2' || lpad(a::text, 12, '0')";

/** Batches of fifty entries. In the order of each account's entries, as the tables of the books are. */
const FILL_JOURNAL = (accounts: number, each: number): string => `
  DO $$
  DECLARE
    g bigint := 0;
    texts text[];
    before bytea;
    sealed bytea := decode(repeat('00', 32), 'hex');
    latest bigint := 1;
  BEGIN
    TRUNCATE journal;
    FOR texts, latest IN
      SELECT array_agg(CASE s WHEN 0 THEN 'o ' || ${ID} || ' 1 100000 initial - BRL/2 ' ELSE
          concat_ws(' ', CASE s % 2 WHEN 1 THEN 'c' ELSE 'd' END, ${ID}, s, 1700000000000000 + s * ${accounts} + a,
            ${VALUE}, ${BALANCE}, 100000, 'req:7f000001-a1b2-7f00-0001-' || s || '-' || a, 'descricao') END),
        CASE s WHEN 0 THEN 1 ELSE max(1700000000000000 + s * ${accounts} + a) END
      FROM generate_series(0, ${each}::bigint) AS s,
        generate_series(1, ${accounts}::bigint, ${BATCH_ENTRIES}) AS f,
        generate_series(f, least(f + ${BATCH_ENTRIES - 1}, ${accounts})) AS a
      GROUP BY s, f
      ORDER BY s, f
    LOOP
      before := sealed;
      sealed := sha256(before || int4send(0) || int8send(g) || int8send(latest) || int4send(cardinality(texts)) || (
        SELECT string_agg(int4send(octet_length(t)) || convert_to(t, 'UTF8'), ''::bytea) FROM unnest(texts) AS t));
      INSERT INTO journal VALUES (0, g, latest, texts, before, sealed);
      g := g + 1;
    END LOOP;
    UPDATE cursors SET last_g = g - 1;
  END
  $$`;

const FILL_REDIS = `
  local function text(n) return string.format('%.0f', n) end
  local accounts, each = tonumber(ARGV[3]), tonumber(ARGV[4])
  local function balance(s) return math.floor(s / 2) * 100 + s % 2 * 1000 end
  for a = tonumber(ARGV[1]), tonumber(ARGV[2]) do
    local entries, id = {}, string.format('a0mc3k9d2%012d', a)
    for s = math.max(1, each - 9), each do
      entries[#entries + 1] = text(s)
      entries[#entries + 1] = table.concat({ s % 2 == 1 and 'c' or 'd', id, text(s),
        text(1700000000000000 + s * accounts + a), s % 2 == 1 and '1000' or '900', text(balance(s)), '100000',
        'req:7f000001-a1b2-7f00-0001-' .. text(s) .. '-' .. text(a), 'descricao' }, ' ')
    end
    redis.call('SET', 'razonete:{0}:account:' .. id, table.concat({ '100000', text(balance(each)), '0', text(each),
      text(1700000000000000 + each * accounts + a), 'BRL/2', 'open', '1' }, ' '))
    redis.call('SET', 'razonete:{0}:details:' .. id, ARGV[5] .. ' {}')
    redis.call('ZADD', 'razonete:{0}:statement:' .. id, unpack(entries))
  end`;

const [system, accountsText, eachText, waitingText = "0"] = process.argv.slice(2);
const accounts = Number(accountsText);
const waiting = Number(waitingText);
const each = Number(eachText);
if (system === "cluster") await measureCluster();
else if (system === "embedded") await measureFile();
else throw new Error("cluster or embedded?");

async function measureCluster(): Promise<void> {
  const [postgres, redis, nats] = await Promise.all([startPostgres(), startRedis(), startNats()]);
  try {
    const databaseUrl = await postgres.createDatabase();
    await initialise({ databaseUrl, redisUrl: redis.url, shards: 1, library: functionLibrary });
    const sql = connectPostgres({ url: databaseUrl, name: "measure", connections_max: 1 });
    await sql`SET statement_timeout = 0`;
    await sql.unsafe(FILL_JOURNAL(accounts, each));
    await rebuildCluster(databaseUrl, REBUILD);
    await sql.unsafe("VACUUM ANALYZE");
    const [cursor] = await sql<{ last_g: number }[]>`SELECT last_g FROM cursors`;
    const lastG = cursor?.last_g ?? 0;
    await sql.end();
    const client = connectRedis(redis.url, () => {});
    await client.connect();
    await client.sendCommand(["CONFIG", "SET", "appendonly", "no"]);
    const opening = openingHash({ unit: CONTEST_UNIT, creditLimit: 100_000, name: null, metadata: {} });
    for (let from = 1; from <= accounts; from += FILL_ACCOUNTS) {
      const to = Math.min(accounts, from + FILL_ACCOUNTS - 1);
      await client.sendCommand(["EVAL", FILL_REDIS, "0", ...[from, to, accounts, each, opening].map(String)]);
    }
    await client.sendCommand(["DEL", ...[1, 2, 3, 4, 5].map((a) => `razonete:{0}:account:${a}`)]);
    await client.sendCommand(["HSET", headKey(0), "g", String(lastG)]);
    await fillOutbox(client);
    client.destroy();
    const before = [postgres, redis].map((server) => cpuSeconds(server.process.pid));
    await audit([], { DATABASE_URL: databaseUrl, REDIS_URL: redis.url, NATS_URL: nats.url });
    const [ofPostgres, ofRedis] = [postgres, redis].map((server, index) =>
      (cpuSeconds(server.process.pid) - (before[index] ?? 0)).toFixed(1),
    );
    console.log(`PostgreSQL ${ofPostgres} s of CPU, Redis ${ofRedis} s`);
  } finally {
    await Promise.all([postgres, redis, nats].map((server) => server.process.dispose()));
  }
}

/** Of a process and its children that have ended. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ").slice(11, 15) ?? [];
  return fields.reduce((sum, ticks) => sum + Number(ticks) / 100, 0);
}

async function fillOutbox(client: Redis): Promise<void> {
  const epoch: unknown = await client.sendCommand(["HGET", headKey(0), "epoch"]);
  if (typeof epoch !== "string") throw new Error("Redis holds nothing");
  for (let batch = 1; batch <= waiting; batch += 1) {
    const commands = Array.from({ length: 10 }, (_, index) => {
      const account = 1 + Math.floor(Math.random() * accounts);
      const id = `a0mc3k9d2${String(account).padStart(12, "0")}`;
      return ["c", `req:7f000001-a1b2-7f00-0002-${batch}-${index}`, id, "1000", "", "descricao"];
    });
    const fence = [epoch, "0", String(waiting + 1)];
    await client.sendCommand(["FCALL", "razonete_apply", "1", headKey(0), ...fence, ...commands.flat()]);
  }
}

async function measureFile(): Promise<void> {
  using folder = temporaryFolder();
  const file = join(folder.path, "razonete.db");
  mkdirSync(folder.path, { recursive: true });
  await new EmbeddedLedger({ file }).close();
  const db = new Database(file);
  db.run("PRAGMA synchronous = OFF");
  db.run("DELETE FROM journal");
  fillJournal(db);
  db.close(true);
  await rebuildFile(file, REBUILD);
  await audit(["--data", folder.path], {});
}

/** First all accounts, then the entries in the order of their times. A rebuild makes the tables of it. */
function fillJournal(db: Database): void {
  const insert = db.prepare("INSERT INTO journal (g, time, events, previous, hash) VALUES (?, ?, ?, ?, ?)");
  let previous = NO_HASH;
  let g = 0;
  let events: string[] = [];
  const add = (event: string, time: number): void => {
    if (events.push(event) === FILE_BATCH) flush(time);
  };
  const flush = (time: number): void => {
    if (events.length === 0) return;
    const hash = journalHash({ shard: 0, g, time, events, previous });
    insert.run(g, time, JSON.stringify(events), previous, hash);
    previous = hash;
    g += 1;
    events = [];
  };
  db.transaction(() => {
    for (let a = 1; a <= accounts; a += 1) add(`o ${fileAccount(a)} 1 100000 req:${a} - BRL/2 `, 1);
    flush(1);
    for (let s = 1; s <= each; s += 1) {
      const [letter, value] = s % 2 === 1 ? ["c", 1000] : ["d", 900];
      const balance = Math.floor(s / 2) * 100 + (s % 2) * 1000;
      for (let a = 1; a <= accounts; a += 1) {
        const time = 1_700_000_000_000_000 + s * accounts + a;
        const id = `req:7f000001-a1b2-7f00-0001-${s}-${a}`;
        add(`${letter} ${fileAccount(a)} ${s} ${time} ${value} ${balance} 100000 ${id} descricao`, time);
      }
    }
    flush(1_700_000_000_000_000 + each * accounts + accounts);
  })();
  insert.finalize();
}

function fileAccount(a: number): string {
  return `a0mc3k9d2${String(a).padStart(12, "0")}`;
}

async function audit(args: readonly string[], settings: Readonly<Record<string, string>>): Promise<void> {
  const child = Bun.spawn([process.execPath, MAIN, "audit", ...args], {
    env: { PATH: process.env["PATH"] ?? "", ...settings },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const code = await child.exited;
  const usage = child.resourceUsage();
  const cpu = Number(usage?.cpuTime.total ?? 0) / 1e6;
  console.log(
    `exit code ${code}, at most ${((usage?.maxRSS ?? 0) / 1e6).toFixed(0)} MB, ${cpu.toFixed(1)} s of CPU`,
  );
}
