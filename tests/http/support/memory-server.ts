import { type HttpOptions, type HttpServer, startHttpServer } from "../../../src/http/server.ts";
import { Client } from "./client.ts";
import { MemoryLedger } from "./memory-ledger.ts";

/** The edge before a ledger in memory, with what it was asked and what went wrong. */
export class MemoryServer implements AsyncDisposable {
  readonly ledger: MemoryLedger;
  readonly client: Client;
  readonly defects: string[] = [];
  readonly #server: HttpServer;

  private constructor(ledger: MemoryLedger, options: Partial<HttpOptions>, isBehindBalancer: boolean) {
    this.ledger = ledger;
    this.#server = startHttpServer(ledger, {
      address: { host: "127.0.0.1", port: 0 },
      ...(isBehindBalancer ? { requestIdHeader: "x-request-id" } : {}),
      onDefect: (message) => this.defects.push(message),
      ...options,
    });
    this.client = new Client(() => this.url);
  }

  /** With the accounts 1 to 5. */
  static async start(options: Partial<HttpOptions> = {}, isBehindBalancer = true): Promise<MemoryServer> {
    return new MemoryServer(await MemoryLedger.withInitialAccounts(), options, isBehindBalancer);
  }

  get url(): string {
    return this.#server.url;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
  }
}
