import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";

export interface StoredEntry {
  readonly valor: number;
  readonly tipo: "c" | "d";
  readonly descricao: string;
  readonly realizada_em: string;
}

export interface StoredAccount {
  readonly limite: number;
  saldo: number;
  /** Newest first, ten at most. */
  ultimas: StoredEntry[];
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const UNPROCESSABLE: Answer = { status: 422, body: {} };
const NOT_FOUND: Answer = { status: 404, body: {} };

/**
 * A small, correct in-memory server for the contest's contract. It is independent of the product, so that the load test is
 * not tested with what it tests. Wrong servers override the step at which they go wrong.
 */
export class LedgerServer {
  readonly accounts = new Map<number, StoredAccount>(
    [100_000, 80_000, 1_000_000, 10_000_000, 500_000].map((limite, index) => [
      index + 1,
      { limite, saldo: 0, ultimas: [] },
    ]),
  );
  readonly #server: Server = createServer((request, response) => {
    this.requests += 1;
    this.handle(request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  #micros = Date.UTC(2024, 0, 17) * 1000;

  /** How many TCP connections were made so far. */
  connections = 0;
  /** How many requests came so far. */
  requests = 0;

  async start(): Promise<string> {
    this.#server.on("connection", () => (this.connections += 1));
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the server has no port");
    return `http://127.0.0.1:${address.port}`;
  }

  stopListening(): void {
    this.#server.close();
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    if (this.#server.listening) this.stopListening();
    else this.#server.emit("close");
    this.#server.closeAllConnections();
    await closed;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    request.setEncoding("utf8");
    for await (const piece of request) text += String(piece);
    const answer = await this.answer(request.method ?? "", request.url ?? "", text);
    this.send(response, answer);
  }

  send(response: ServerResponse, answer: Answer): void {
    response
      .writeHead(answer.status, { "content-type": "application/json" })
      .end(JSON.stringify(answer.body));
  }

  async answer(method: string, path: string, text: string): Promise<Answer> {
    const match = /^\/clientes\/(\d+)\/(transacoes|extrato)$/.exec(path);
    const account = this.find(Number(match?.[1]));
    if (match === null || account === undefined) return NOT_FOUND;
    if (method === "GET" && match[2] === "extrato") return { status: 200, body: this.statement(account) };
    if (method !== "POST" || match[2] !== "transacoes") return NOT_FOUND;
    const transaction: unknown = JSON.parse(text);
    return this.isValid(transaction) ? this.transact(account, transaction) : UNPROCESSABLE;
  }

  find(id: number): StoredAccount | undefined {
    return this.accounts.get(id);
  }

  isValid(value: unknown): value is StoredEntry {
    if (typeof value !== "object" || value === null) return false;
    if (!("valor" in value && "tipo" in value && "descricao" in value)) return false;
    const { valor, tipo, descricao } = value;
    return (
      this.isAmount(valor) &&
      (tipo === "c" || tipo === "d") &&
      typeof descricao === "string" &&
      descricao.length >= 1 &&
      descricao.length <= 10
    );
  }

  isAmount(valor: unknown): boolean {
    return Number.isSafeInteger(valor) && Number(valor) > 0;
  }

  async transact(account: StoredAccount, transaction: StoredEntry): Promise<Answer> {
    const saldo = account.saldo + (transaction.tipo === "c" ? transaction.valor : -transaction.valor);
    if (!this.mayBe(saldo, account, transaction)) return UNPROCESSABLE;
    account.saldo = saldo;
    this.note(account, transaction);
    return { status: 200, body: { limite: account.limite, saldo } };
  }

  mayBe(saldo: number, account: StoredAccount, transaction: StoredEntry): boolean {
    return transaction.tipo === "c" || saldo >= -account.limite;
  }

  note(account: StoredAccount, { valor, tipo, descricao }: StoredEntry): void {
    this.#micros += 1;
    const whole = new Date(Math.floor(this.#micros / 1000)).toISOString().slice(0, -1);
    const realizada_em = `${whole}${String(this.#micros % 1000).padStart(3, "0")}Z`;
    account.ultimas = [{ valor, tipo, descricao, realizada_em }, ...account.ultimas].slice(0, 10);
  }

  statement(account: StoredAccount): unknown {
    const { saldo, limite, ultimas } = account;
    return {
      saldo: { total: saldo, data_extrato: new Date().toISOString(), limite },
      ultimas_transacoes: ultimas,
    };
  }
}
