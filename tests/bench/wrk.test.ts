import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { filledAccountId } from "../../proof/bench/filled-account-id.ts";
import { tagsOfShards, taggedAccountIds } from "../../proof/bench/shards/tagged-accounts.ts";
import { shardOf } from "../../src/ledger/account-id.ts";
import { parseWrkOutput, runWrk, type WrkLoad } from "../../proof/bench/wrk.ts";
import { wrkMissing } from "../support/start-bench.ts";
import { failOnLeaks } from "../support/leaks.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const missing = wrkMissing();

describe("the figures of wrk", () => {
  test("are read from the last line of its output", () => {
    const output = "Running 1s test\n  2 threads\nFIGURES 21158 1099823 383 2507 4907 3\n";
    expect(parseWrkOutput(output)).toEqual({
      requests: 21158,
      seconds: 1.099823,
      p50Microseconds: 383,
      p99Microseconds: 2507,
      maxMicroseconds: 4907,
      failed: 3,
    });
  });

  test("that are missing are an error, with what it printed instead", () => {
    expect(() => parseWrkOutput("unable to connect to 127.0.0.1:1\n")).toThrow("unable to connect");
    expect(() => parseWrkOutput("FIGURES 1 2 3\n")).toThrow("no figures");
  });
});

describe.skipIf(missing !== null)("the generator", () => {
  test("offers transactions of the five accounts, two credits to each debit of the same sums", async () => {
    const { figures, seen } = await longEnough({ connections: 3 });
    const posts = seen.map(({ body }) => Object(JSON.parse(body)));
    expect(Math.abs(seen.length - figures.requests)).toBeLessThanOrEqual(3);
    expect(new Set(seen.map(({ method }) => method))).toEqual(new Set(["POST"]));
    expect(new Set(seen.map(({ path }) => path))).toEqual(
      new Set([1, 2, 3, 4, 5].map((account) => `/clientes/${account}/transacoes`)),
    );
    const debits = posts.filter(({ tipo }) => tipo === "d").length;
    expect(debits / posts.length).toBeCloseTo(1 / 3, 1);
    expect(figures.seconds).toBeGreaterThan(0.9);
    expect(figures.p50Microseconds).toBeGreaterThan(0);
    expect(figures.maxMicroseconds).toBeGreaterThanOrEqual(figures.p99Microseconds);
    expect(figures.cpuMicroseconds).toBeGreaterThan(0);
    expect(figures.cpuMicroseconds).toBeLessThan(2_000_000);
  });

  test("requests statements of accounts at random", async () => {
    const load = { connections: 2, what: "statements", accounts: 1000, order: "random" } as const;
    const { seen } = await longEnough(load);
    expect(new Set(seen.map(({ method }) => method))).toEqual(new Set(["GET"]));
    const ids = Array.from({ length: 1000 }, (_, index) => filledAccountId(index + 1));
    const possible = new Set(ids.map((id) => `/clientes/${id}/extrato`));
    const paths = new Set(seen.map(({ path }) => path));
    expect([...paths.difference(possible)]).toEqual([]);
    expect(paths.size).toBeGreaterThan(Math.min(500, seen.length / 4));
  });

  test("with tags, moves amounts within a shard, of the accounts that are opened for it", async () => {
    const tags = tagsOfShards(3);
    expect(tags.map((tag) => shardOf(`{${tag}}`, 3))).toEqual([0, 1, 2]);
    const load = { connections: 2, accounts: 12, order: "random", tags } as const;
    const transfers = await longEnough({ ...load, what: "transfers" });
    const moves = transfers.seen.map(({ body }) => Object(JSON.parse(body)).postings[0]);
    for (const { from, to } of moves)
      expect([from === to, shardOf(from, 3)]).toEqual([false, shardOf(to, 3)]);
    const ids = new Set(taggedAccountIds(tags, 12));
    expect(new Set(moves.flatMap(({ from, to }) => [from, to]))).toEqual(ids);

    const transactions = await longEnough({ ...load, what: "transactions" });
    const paths = new Set(transactions.seen.map(({ path }) => decodeURIComponent(path)));
    expect(paths).toEqual(new Set([...ids].map((id) => `/clientes/${id}/transacoes`)));
  });

  test("gives no figures if an answer was not 200", async () => {
    await using server = recorder(422);
    const run = runWrk({ url: server.url, connections: 1, seconds: 1 });
    expect(run).rejects.toThrow("worth nothing");
    await run.catch(() => {});
  });

  test("ends when the signal is aborted", async () => {
    await using server = recorder();
    const stop = new AbortController();
    const run = runWrk({ url: server.url, connections: 1, seconds: 60, signal: stop.signal });
    stop.abort();
    expect(run).rejects.toThrow();
    await run.catch(() => {});
  });
});

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

/** So many that each of 12 accounts is among them, whatever the seed. */
const MANY = 200;

/** A run of a second. On a machine that stands still in it few requests are sent: then another one. */
async function longEnough(load: Omit<WrkLoad, "url" | "seconds">) {
  for (;;) {
    await using server = recorder();
    const figures = await runWrk({ url: server.url, seconds: 1, ...load });
    if (server.seen.length >= MANY) return { figures, seen: server.seen };
  }
}

function recorder(status = 200) {
  const seen: Seen[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const { pathname: path } = new URL(request.url);
      seen.push({ method: request.method, path, body: await request.text() });
      return new Response("{}", { status });
    },
  });
  return {
    url: server.url.href.replace(/\/$/, ""),
    seen,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}
