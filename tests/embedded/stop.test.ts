import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { call, problemName } from "../support/api.ts";
import { auditFile } from "../support/audit-file.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { stallRequest } from "../support/stalled-request.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { Journal } from "../support/answer-log.ts";
import { openContested, startLoad } from "../support/contending-load.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const seed = testSeed();
const TRANSACTION = { valor: 7, tipo: "c", descricao: "stalled" };
/** Longer than one press of Ctrl-C under npm, which arrives twice, is taken for one. */
const PRESS_MILLISECONDS = 400;

for (const [name, code] of [
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const) {
  describe(name, () => {
    test(`under load: nothing answered is lost, and the one file holds it all (seed ${seed})`, async () => {
      using folder = temporaryFolder();
      const journal = new Journal();
      {
        await using server = await startServer({ data: folder.path });
        const accounts = await openContested(server.url, journal);
        const load = startLoad(server.url, journal, accounts, new Random(seed));
        await eventually("some are accepted", () => journal.count("accepted") >= 50);
        server.signal(name);
        expect(await server.ended).toBe(0);
        await load.stop();
        expect(server.output().stderr).toBe("");
      }
      expect(journal.count("accepted")).toBeGreaterThan(0);
      const entries = auditAlone(folder.path);
      expect(entries.length).toBeGreaterThanOrEqual(journal.count("accepted"));
      await using server = await startServer({ data: folder.path });
      await journal.check(server.url);
    });

    test("/readyz says 503 at once, all else is answered until the drain is over, requests in flight after it", async () => {
      using folder = temporaryFolder();
      // Long enough for three requests on a machine that stands still for seconds.
      await using server = await startServer({ data: folder.path, environment: { DRAIN_MS: "8000" } });
      using stalled = await stallRequest(server.port, "/clientes/1/transacoes", TRANSACTION);
      server.signal(name);
      await begunToStop(server);
      const notReady = await call(server.url, "GET", "/readyz");
      expect([notReady.status, problemName(notReady)]).toEqual([503, "not-ready"]);
      expect((await call(server.url, "GET", "/livez")).status).toBe(200);
      expect((await call(server.url, "POST", "/clientes/1/transacoes", TRANSACTION)).status).toBe(200);
      await refusesConnections(server);
      expect(await stalled.complete()).toStartWith("HTTP/1.1 200 ");
      expect(await server.ended).toBe(0);
      expect(server.output().stderr).toBe("");
      expect(auditAlone(folder.path).map(({ balance }) => Number(balance))).toEqual([7, 14]);
    });

    test("a second one ends it at once, and nothing answered is lost", async () => {
      using folder = temporaryFolder();
      const journal = new Journal();
      {
        await using server = await startServer({ data: folder.path, environment: { DRAIN_MS: "60000" } });
        const accounts = await openContested(server.url, journal);
        const load = startLoad(server.url, journal, accounts, new Random(seed));
        server.signal(name);
        await begunToStop(server);
        await Bun.sleep(PRESS_MILLISECONDS);
        await eventually("some are accepted", () => journal.count("accepted") > 0);
        // A drain of a minute is not over yet: only the second signal can end it.
        server.signal(name);
        expect(await server.ended).toBe(code);
        await load.stop();
        expect(server.output().stderr).toBe("");
      }
      expect(journal.count("accepted")).toBeGreaterThan(0);
      await using server = await startServer({ data: folder.path });
      await journal.check(server.url);
    });

    test("a second one ends it although a client has stalled in the middle of a request", async () => {
      using folder = temporaryFolder();
      await using server = await startServer({ data: folder.path, environment: { DRAIN_MS: "0" } });
      using stalled = await stallRequest(server.port, "/clientes/1/transacoes", TRANSACTION);
      server.signal(name);
      await begunToStop(server);
      await Bun.sleep(PRESS_MILLISECONDS);
      server.signal(name);
      expect(await server.ended).toBe(code);
      await stalled.closed;
      await using again = await startServer({ data: folder.path });
      expect((await call(again.url, "GET", "/v1/accounts/1")).body).toMatchObject({ balance: 0 });
    });

    test("counts from the banner on, and twice in one press it counts once", async () => {
      using folder = temporaryFolder();
      for (let round = 0; round < 8; round += 1) {
        await using server = await startServer({ data: folder.path, environment: { DRAIN_MS: "0" } });
        // The same one twice at once would be one to the kernel.
        server.signal(name);
        server.signal(name === "SIGINT" ? "SIGTERM" : "SIGINT");
        expect(await server.ended).toBe(0);
      }
    });
  });
}

test("a client that stalled in the middle of a request does not hold up a stop for ever", async () => {
  using folder = temporaryFolder();
  await using server = await startServer({ data: folder.path });
  using stalled = await stallRequest(server.port, "/clientes/1/transacoes", TRANSACTION);
  expect(await server.stop()).toBe(0);
  await stalled.closed;
  expect(server.output().stderr).toBe("");
  expect(auditAlone(folder.path)).toEqual([]);
});

async function begunToStop(server: RunningServer): Promise<void> {
  const state = { over: false };
  const ended = server.ended.then((code) => {
    state.over = true;
    return code;
  });
  while (!server.output().stdout.includes("completing what was begun")) {
    await Promise.race([Bun.sleep(5), ended]);
    if (state.over) throw new Error(`it ended with ${await ended} where it should have begun to stop`);
  }
}

async function refusesConnections({ url }: RunningServer): Promise<void> {
  while (true) {
    try {
      await call(url, "GET", "/livez");
    } catch {
      return;
    }
    await Bun.sleep(10);
  }
}

/** Audits a copy of the data file without anything that lies beside it. */
function auditAlone(folder: string): ReturnType<typeof auditFile> {
  const file = join(folder, "razonete.db");
  const log = `${file}-wal`;
  expect(existsSync(log) ? statSync(log).size : 0).toBe(0);
  const copy = join(folder, "alone.db");
  copyFileSync(file, copy);
  return auditFile(copy);
}
