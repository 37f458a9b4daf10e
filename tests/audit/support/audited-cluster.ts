import { z } from "zod";
import type { AccountId } from "../../../src/ledger/account.ts";
import { auditCluster, type AuditClusterOptions } from "../../../src/audit/audit-cluster.ts";
import type { AuditReport, FindingName } from "../../../src/audit/report/audit-report.ts";
import { call } from "../../support/api.ts";
import { Cluster, type ClusterOptions } from "../../support/cluster.ts";
import { KeptBooks } from "../../support/kept-books.ts";

export const ACCOUNT_3 = "razonete:{0}:account:3";
export const DETAILS_3 = "razonete:{0}:details:3";
export const STATEMENT_3 = "razonete:{0}:statement:3";

const openedReply = z.object({ id: z.string() });

function openedIn(body: unknown): string {
  return openedReply.parse(body).id;
}

/** A cluster with some entries in accounts 1 to 5, and its audit. */
export class AuditedCluster implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly books: KeptBooks;

  private constructor(cluster: Cluster) {
    this.cluster = cluster;
    this.books = new KeptBooks(cluster);
  }

  static async start(options: ClusterOptions = {}): Promise<AuditedCluster> {
    const cluster = await Cluster.start({ apis: 1, ...options });
    return new AuditedCluster(cluster);
  }

  /** Entries of one cent each, one after the other, so that each is a batch. */
  async credit(account: AccountId | number, entries: number): Promise<void> {
    for (let entry = 0; entry < entries; entry += 1)
      await this.call("POST", `/clientes/${account}/transacoes`, {
        valor: 1,
        tipo: "c",
        descricao: `c ${entry}`,
      });
  }

  async call(method: "POST" | "PATCH", path: string, body: object): Promise<unknown> {
    const answer = await call(this.cluster.apiUrl(0), method, path, body);
    if (!String(answer.status).startsWith("2")) throw new Error(`${method} ${path}: ${answer.status}`);
    return answer.body;
  }

  async open(creditLimit: number, name: string | null = null, more: object = {}): Promise<AccountId> {
    const body = { unit: "BRL/2", credit_limit: creditLimit, name, ...more };
    return openedReply.parse(await this.call("POST", "/v1/accounts", body)).id;
  }

  /** A transaction with two sides and its reversal, and holds: captured, released, open. */
  async makeMoves(): Promise<void> {
    for (const id of ["payer", "payee"]) await this.open(900, null, { id });
    const postings = [{ from: "payer", to: "payee", amount: 5 }];
    const moved = await this.call("POST", "/v1/transactions", {
      postings,
      description: "more than ten letters",
    });
    await this.call("POST", `/v1/transactions/${openedIn(moved)}/reversal`, { reference: "R-1" });
    const holds = [30, 20, 10].map((amount) => this.call("POST", "/v1/holds", { from: "payer", amount }));
    const [first, second] = (await Promise.all(holds)).map(openedIn);
    await this.call("POST", `/v1/holds/${first}/capture`, { amount: 25 });
    await this.call("POST", `/v1/holds/${second}/release`, {});
    await this.call("PATCH", "/v1/accounts/payee", { name: "Three", metadata: { longer: "€", b: "2" } });
  }

  async limit(account: AccountId, creditLimit: number): Promise<void> {
    await this.call("PATCH", `/v1/accounts/${account}`, { credit_limit: creditLimit });
  }

  /** Changes one field of an account's row in Redis, counted from 0. */
  async inRow(account: AccountId, field: number, value: string): Promise<void> {
    const key = `razonete:{0}:account:${account}`;
    const row = String(await this.cluster.redisCommand("GET", key)).split(" ");
    await this.cluster.redisCommand("SET", key, row.with(field, value).join(" "));
  }

  audit(options: Partial<AuditClusterOptions> = {}): Promise<AuditReport> {
    const { databaseUrl, redis, nats } = this.cluster;
    return auditCluster({ databaseUrl, redisUrl: redis.url, natsUrl: nats.url, ...options });
  }

  /** The same as places, in the order in which they were found. */
  async found(): Promise<string[]> {
    return places(await this.audit());
  }

  /**
   * Places that the audit names after these commands were given to Redis. What they do to account 3, the head and the
   * outbox is undone afterwards.
   */
  async foundWith(damage: readonly (readonly string[])[]): Promise<string[]> {
    const { cluster } = this;
    const keys = [ACCOUNT_3, DETAILS_3, STATEMENT_3, "razonete:{0}:head", "razonete:{0}:outbox"];
    for (const key of keys) await cluster.redisCommand("COPY", key, `saved:${key}`, "REPLACE");
    try {
      for (const command of damage) await cluster.redisCommand(...command);
      return await this.found();
    } finally {
      for (const key of keys) {
        const there = (await cluster.redisCommand("EXISTS", `saved:${key}`)) === 1;
        await cluster.redisCommand(...(there ? ["RENAME", `saved:${key}`, key] : ["DEL", key]));
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.books.close();
    await this.cluster[Symbol.asyncDispose]();
  }
}

export function places({ findings }: AuditReport): string[] {
  return findings.map(({ name, account, seq }) => place(name, account, seq));
}

export function place(name: FindingName, account: AccountId | null, seq: number | null): string {
  return `${name} ${account ?? "-"} ${seq ?? "-"}`;
}
