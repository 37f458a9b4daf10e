import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { cpSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { call } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { freePorts } from "../support/servers/free-ports.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { TestCa } from "../support/servers/certificates.ts";
import type { ServerProcess } from "../support/servers/server-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { ObservedCluster } from "./support/observed-cluster.ts";
import { observersMissing } from "./support/observer-programs.ts";
import { startTraffic, type Traffic } from "./support/traffic.ts";

failOnLeaks();
setDefaultTimeout(240_000);

const OUTBOX_BATCHES_MAX = 200;
/** For each alert that a fault here leads to: what else may fire because of the same fault. */
const WRITER_STANDS = ["NoActiveWriter"];

describe.skipIf((serversMissing ?? observersMissing) !== null)(
  "an alert fires by its fault, and only then",
  () => {
    const folder = temporaryFolder();
    let system: ObservedCluster;
    let ca: TestCa;
    let traffic: Traffic | null = null;
    const certificate = join(folder.path, "shown.pem");

    beforeAll(async () => {
      ca = new TestCa(folder.path, "alerts");
      cpSync(ca.issue("DNS:localhost", 300).cert, certificate);
      const environment = {
        OUTBOX_BATCHES_MAX: String(OUTBOX_BATCHES_MAX),
        METRICS_CERTIFICATE: certificate,
        WEBHOOK_INNER: "allow",
      };
      const others = ["dispatch"] as const;
      system = await ObservedCluster.start({ apis: 2, writers: 2, others, environment, durable: true });
    });
    afterAll(async () => {
      await system[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    });
    beforeEach(async () => {
      await system.settled();
      system.alerts.forget();
    });
    afterEach(async () => {
      await traffic?.stop();
      traffic = null;
    });

    const alerts = () => system.alerts;
    const cluster = () => system.cluster;
    const withTraffic = (): void => {
      traffic = startTraffic(cluster().url);
    };
    const writers = (signal: NodeJS.Signals): void => {
      for (const writer of cluster().writers) writer.signal(signal);
    };
    const credit = async (account: number): Promise<void> => {
      const { status } = await call(cluster().url, "POST", `/clientes/${account}/transacoes`, CREDIT);
      expect(status).toBe(200);
    };
    const dispatcher = (): ServerProcess => {
      const found = cluster().others.get("dispatch");
      if (found === undefined) throw new Error("there is no dispatcher");
      return found;
    };
    /** To where nobody listens. */
    async function deadWebhook(): Promise<{ readonly url: string; delete(): Promise<void> }> {
      const [port = 0] = await freePorts(1);
      const content = { url: `http://127.0.0.1:${port}/` };
      const made = await call(cluster().url, "POST", "/v1/webhooks", content);
      expect(made.status).toBe(201);
      const url = `${cluster().url}/v1/webhooks/${Object(made.body).id}`;
      return { url, delete: async () => void (await fetch(url, { method: "DELETE" })) };
    }
    /** Sums are kept for a minute by who added them up. */
    async function sumsAnew(): Promise<void> {
      for (const writer of cluster().writers) {
        await writer.kill();
        await writer.start();
      }
    }
    const isKept = async (): Promise<boolean> =>
      Number(await cluster().redisCommand("XLEN", "razonete:{0}:outbox")) === 0;
    /** As the owner of the books, who may do anything. */
    async function inBooks(statement: string): Promise<void> {
      const sql = postgres(cluster().databaseUrl, { max: 1 });
      await sql.unsafe(statement);
      await sql.end();
    }

    test("ApiDown: one of two APIs stands still", async () => {
      const [api] = cluster().apis;
      api?.signal("SIGSTOP");
      await alerts().fires("ApiDown");
      api?.signal("SIGCONT");
      await system.settled();
      alerts().holdsNoOther("ApiDown", []);
    });

    test("LedgerNotReady: no API runs", async () => {
      for (const api of cluster().apis) await api.kill();
      await alerts().fires("LedgerNotReady", ["ApiDown"]);
      for (const api of cluster().apis) await api.start();
      await system.settled();
    });

    test("RedisDown: Redis killed", async () => {
      await cluster().redis.process.kill();
      await alerts().fires("RedisDown", ["LedgerNotReady"]);
      await cluster().redis.process.start();
      await system.settled();
      alerts().holdsNoOther("RedisDown", ["LedgerNotReady"]);
    });

    test("PostgresDown: PostgreSQL killed", async () => {
      await cluster().postgres.process.kill();
      // A writer is active by a lock in PostgreSQL, and so is a dispatcher.
      const following = [...WRITER_STANDS, "DispatchDown"];
      await alerts().fires("PostgresDown", following);
      await cluster().postgres.process.start();
      await system.settled();
      alerts().holdsNoOther("PostgresDown", following);
    });

    test("NatsDown: NATS killed under load, which nothing else notices", async () => {
      withTraffic();
      await cluster().nats.process.kill();
      await alerts().fires("NatsDown");
      await cluster().nats.process.start();
      await system.settled();
      alerts().holdsNoOther("NatsDown", []);
    });

    test("NoActiveWriter: all writers killed", async () => {
      for (const writer of cluster().writers) await writer.kill();
      await alerts().fires("NoActiveWriter");
      for (const writer of cluster().writers) await writer.start();
      await system.settled();
      alerts().holdsNoOther("NoActiveWriter", []);
    });

    test("BooksBehind: the writers stand still, and something was decided", async () => {
      writers("SIGSTOP");
      expect((await call(cluster().url, "POST", "/clientes/1/transacoes", CREDIT)).status).toBe(200);
      await alerts().fires("BooksBehind", WRITER_STANDS);
      writers("SIGCONT");
      await system.settled();
      alerts().holdsNoOther("BooksBehind", WRITER_STANDS);
    });

    test("OutboxFilling: the writers stand still under load", async () => {
      writers("SIGSTOP");
      for (let sent = 0; sent <= OUTBOX_BATCHES_MAX / 2; sent += 1)
        expect((await call(cluster().url, "POST", "/clientes/1/transacoes", CREDIT)).status).toBe(200);
      await alerts().fires("OutboxFilling", ["BooksBehind", ...WRITER_STANDS]);
      writers("SIGCONT");
      await system.settled();
      alerts().holdsNoOther("OutboxFilling", ["BooksBehind", ...WRITER_STANDS]);
    });

    test("HoldsOverdue: the writers stand still, and nobody asks for anything", async () => {
      const held = await call(cluster().url, "POST", "/v1/holds", HOLD);
      expect(held.status).toBe(201);
      await Bun.sleep(500);
      writers("SIGSTOP");
      await alerts().fires("HoldsOverdue", WRITER_STANDS);
      writers("SIGCONT");
      await system.settled();
      alerts().holdsNoOther("HoldsOverdue", WRITER_STANDS);
    });

    test("PartsOpen: a part is there that nobody completes, written by hand", async () => {
      const since = String((Date.now() - 120_000) * 1_000);
      await cluster().redisCommand("ZADD", "razonete:{0}:parts", since, "0-by-hand");
      await alerts().fires("PartsOpen");
      await cluster().redisCommand("ZREM", "razonete:{0}:parts", "0-by-hand");
      await system.settled();
      alerts().holdsNoOther("PartsOpen", []);
    });

    test("RedisMemoryHigh: Redis may have little more than it has", async () => {
      const memory = String(await cluster().redisCommand("INFO", "memory"));
      const used = Number(/used_memory:(\d+)/.exec(memory)?.[1]);
      await cluster().redisCommand("CONFIG", "SET", "maxmemory", String(Math.round(used * 1.1)));
      await alerts().fires("RedisMemoryHigh");
      await cluster().redisCommand("CONFIG", "SET", "maxmemory", "0");
      await system.settled();
      alerts().holdsNoOther("RedisMemoryHigh", []);
    });

    test("RefusingByMemory: Redis has more than it may", async () => {
      withTraffic();
      await cluster().redisCommand("CONFIG", "SET", "maxmemory", "100kb");
      await alerts().fires("RefusingByMemory", ["RedisMemoryHigh"]);
      await cluster().redisCommand("CONFIG", "SET", "maxmemory", "0");
      await system.settled();
      alerts().holdsNoOther("RefusingByMemory", ["RedisMemoryHigh"]);
    });

    test("CertificateExpires: the one that clients are shown is of two days", async () => {
      cpSync(ca.issue("DNS:localhost", 2).cert, certificate);
      await alerts().fires("CertificateExpires");
      cpSync(ca.issue("DNS:localhost", 300).cert, certificate);
      await system.settled();
      alerts().holdsNoOther("CertificateExpires", []);
    });

    test("UnitSumNotZero: what an account has from others is changed by hand", async () => {
      await inBooks("UPDATE accounts SET from_others = 1 WHERE account = '2'");
      await sumsAnew();
      await alerts().fires("UnitSumNotZero", WRITER_STANDS);
      await inBooks("UPDATE accounts SET from_others = NULL WHERE account = '2'");
      await sumsAnew();
      await system.settled();
      alerts().holdsNoOther("UnitSumNotZero", WRITER_STANDS);
    });

    test("AuditFailed: a balance is changed by hand; AuditOld: the audit before is of last week", async () => {
      await inBooks("UPDATE accounts SET balance = balance + 1 WHERE account = '3'");
      expect(cluster().run("audit").exitCode).toBe(1);
      await alerts().fires("AuditFailed");
      await inBooks("UPDATE accounts SET balance = balance - 1 WHERE account = '3'");
      expect(cluster().run("audit").exitCode).toBe(0);
      await system.settled();
      alerts().holdsNoOther("AuditFailed", []);
      alerts().forget();
      await inBooks("UPDATE audits SET finished_at = finished_at - interval '9 days'");
      await alerts().fires("AuditOld");
      expect(cluster().run("audit").exitCode).toBe(0);
      await system.settled();
    });

    test("WriterDiverged: a balance is changed by hand, and the account is used", async () => {
      await inBooks("UPDATE accounts SET balance = balance + 1 WHERE account = '3'");
      expect((await call(cluster().url, "POST", "/clientes/3/transacoes", CREDIT)).status).toBe(200);
      await alerts().fires("WriterDiverged", ["BooksBehind", ...WRITER_STANDS]);
      await inBooks("UPDATE accounts SET balance = balance - 1 WHERE account = '3'");
      for (const writer of cluster().writers) {
        await writer.exited;
        await writer.start();
      }
      await system.settled();
      alerts().holdsNoOther("WriterDiverged", ["BooksBehind", ...WRITER_STANDS]);
    });

    test("DispatchDown: the only dispatcher killed", async () => {
      await dispatcher().kill();
      await alerts().fires("DispatchDown");
      await dispatcher().start();
      await system.settled();
      alerts().holdsNoOther("DispatchDown", []);
    });

    test("WebhookFailing: nobody listens where a webhook goes", async () => {
      const webhook = await deadWebhook();
      for (const account of [1, 2, 3, 4, 5]) await credit(account);
      await alerts().fires("WebhookFailing");
      await webhook.delete();
      await system.settled();
      alerts().holdsNoOther("WebhookFailing", []);
    });

    test("WebhookParked: an event was tried for three days", async () => {
      const webhook = await deadWebhook();
      await credit(1);
      await eventually("it was tried", async () => {
        const { data } = Object(await (await fetch(`${webhook.url}/deliveries`)).json());
        return data?.[0]?.attempts?.length > 0;
      });
      await dispatcher().kill();
      const since = "first_at - 4 * 86400000000::bigint";
      await inBooks(`UPDATE deliveries SET first_at = ${since}, next_at = ${since} WHERE state = 'waiting'`);
      await dispatcher().start();
      // It is not there for a moment.
      await alerts().fires("WebhookParked", ["DispatchDown"]);
      await webhook.delete();
      await system.settled();
      alerts().holdsNoOther("WebhookParked", ["DispatchDown"]);
    });

    test("LatencyHigh: Redis answers late", async () => {
      withTraffic();
      const over = new AbortController();
      const late = (async () => {
        while (!over.signal.aborted) {
          // Not for so long that Redis would seem to be away.
          await cluster().redisCommand("CLIENT", "PAUSE", "800", "ALL");
          await Bun.sleep(850);
        }
      })();
      await alerts().fires("LatencyHigh");
      over.abort();
      await late;
      await system.settled();
      alerts().holdsNoOther("LatencyHigh", []);
    });

    test("FenceShut: Redis emptied", async () => {
      await eventually("the outbox is empty", isKept);
      await cluster().redisCommand("FLUSHALL");
      await alerts().fires("FenceShut", ["LedgerNotReady"]);
      expect(cluster().run("restore", "--yes").exitCode).toBe(0);
      await system.settled();
      alerts().holdsNoOther("FenceShut", ["LedgerNotReady"]);
    });

    test("BatchesLost: Redis has not what it answered last", async () => {
      await credit(1);
      await eventually("the outbox is empty", isKept);
      const head = "razonete:{0}:head";
      const g = Number(await cluster().redisCommand("HGET", head, "g"));
      await cluster().redisCommand("HSET", head, "g", String(g - 1));
      await alerts().fires("BatchesLost", ["FenceShut", "LedgerNotReady", ...WRITER_STANDS]);
      expect(cluster().run("restore", "--yes").exitCode).toBe(0);
      await system.settled();
      alerts().holdsNoOther("BatchesLost", ["FenceShut", "LedgerNotReady", ...WRITER_STANDS]);
    });
  },
);

const CREDIT = { valor: 1, tipo: "c", descricao: "alerts" };
const HOLD = { from: "1", amount: 1, expires_in: 1 };
