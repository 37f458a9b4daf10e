import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { BooksSnapshot } from "../../../proof/torture/system/system-under-test.ts";
import { byAccount, idOf } from "./simulated-ledger.ts";

/** What goes wrong with one request. */
export type Trouble =
  | "closed-before"
  | "closed-after"
  | "half-an-answer"
  | "no-answer"
  | "not-done"
  | "unknown"
  | "no-json"
  | "defect";

export interface Received {
  /** Of the command: its description, its name, or its limit; empty for a statement. */
  readonly mark: string;
  readonly key: string | null;
  readonly trouble: Trouble | null;
  /** Of the TCP connection. */
  readonly connection: number;
}

interface Account {
  readonly id: string;
  readonly name: string | null;
  limit: number;
  balance: number;
}

interface Answer {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Body {
  readonly valor?: number;
  readonly tipo?: string;
  readonly descricao?: string;
  readonly limite?: number;
  readonly nome?: string;
}

/**
 * A right ledger in memory, written apart from the product, with a hand in it that does wrong what a test wants: so
 * that the clients are not tested with what they test.
 */
export class StandInLedger {
  readonly received: Received[] = [];
  /** What goes wrong with the next request. */
  trouble: () => Trouble | null = () => null;
  connections = 0;
  readonly #accounts = new Map<string, Account>();
  readonly #entries = new Map<string, BooksSnapshot["entries"][number][]>();
  readonly #limits: BooksSnapshot["limits"][number][] = [];
  readonly #outcomes = new Map<string, Answer>();
  readonly #connections = new WeakMap<object, number>();
  readonly #server: Server = createServer((request, response) => {
    this.#handle(request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  #micros = Date.UTC(2024, 0, 17) * 1000;

  constructor() {
    for (const [index, limit] of [100_000, 80_000, 1_000_000, 10_000_000, 500_000].entries()) {
      this.#accounts.set(String(index + 1), { id: String(index + 1), name: null, limit, balance: 0 });
    }
  }

  async start(): Promise<string> {
    this.#server.on("connection", (socket) => {
      this.connections += 1;
      this.#connections.set(socket, this.connections);
    });
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the server has no port");
    return `http://127.0.0.1:${address.port}`;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  books(): BooksSnapshot {
    const accounts = [...this.#accounts.values()].map(({ id, name }) => ({ account: id, name, command: "" }));
    return {
      accounts: accounts.toSorted(byAccount),
      entries: [...this.#entries.values()].flat().toSorted(byAccount),
      limits: this.#limits.toSorted(byAccount),
      journal: [],
    };
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    request.setEncoding("utf8");
    for await (const piece of request) text += String(piece);
    const body: Body = text === "" ? {} : JSON.parse(text);
    const header = request.headers["idempotency-key"];
    const key = typeof header === "string" ? header : null;
    const trouble = this.trouble();
    const connection = this.#connections.get(request.socket) ?? 0;
    const mark =
      body.descricao ?? body.nome ?? (body.limite === undefined ? "" : `${request.url} ${body.limite}`);
    this.received.push({ mark, key, trouble, connection });

    if (trouble === "closed-before") return void request.socket.destroy();
    if (trouble === "not-done") return this.#send(response, unavailable("none"));
    const answer = this.#answer(request.method ?? "", request.url ?? "", body, key);
    switch (trouble) {
      case null:
        return this.#send(response, answer);
      case "closed-after":
        return void request.socket.destroy();
      case "half-an-answer":
        return void request.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{"limite":');
      case "no-answer":
        return;
      case "unknown":
        return this.#send(response, unavailable("unknown"));
      case "no-json":
        return void response.writeHead(200).end("<html>");
      case "defect":
        return this.#send(response, problem(500, "internal-error"));
    }
  }

  #send(response: ServerResponse, { status, body, headers }: Answer): void {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  }

  #answer(method: string, path: string, body: Body, key: string | null): Answer {
    const known = key === null ? undefined : this.#outcomes.get(key);
    if (known !== undefined) {
      return { ...known, headers: { ...known.headers, "idempotency-replayed": "true" } };
    }
    const answer = this.#outcome(method, path, body);
    if (key !== null) this.#outcomes.set(key, answer);
    return answer;
  }

  #outcome(method: string, path: string, body: Body): Answer {
    if (method === "POST" && path === "/clientes") return this.#open(body);
    const account = this.#accounts.get(path.split("/")[2] ?? "");
    if (account === undefined) return problem(404, "account-not-found");
    if (method === "PATCH") return this.#changeLimit(account, body.limite ?? 0);
    return method === "GET" ? this.#statement(account) : this.#transact(account, body);
  }

  #open({ limite = 0, nome = "" }: Body): Answer {
    const id = idOf(this.#accounts.size + 1);
    this.#accounts.set(id, { id, name: nome, limit: limite, balance: 0 });
    const limits = { account: id, version: 1, creditLimit: limite, afterSeq: 0, command: "" };
    this.#limits.push(limits);
    const headers = { location: `/clientes/${id}` };
    return { status: 201, body: { id, nome, limite, saldo: 0 }, headers };
  }

  #changeLimit(account: Account, limit: number): Answer {
    if (account.balance < -limit) return problem(422, "limit-too-low");
    account.limit = limit;
    const { id, name, balance } = account;
    const version = this.#limits.filter((one) => one.account === id).length + 1;
    const afterSeq = this.#entriesOf(id).length;
    this.#limits.push({ account: id, version, creditLimit: limit, afterSeq, command: "" });
    return { status: 200, body: { id, nome: name, limite: limit, saldo: balance } };
  }

  #transact(account: Account, { valor = 0, tipo, descricao = "" }: Body): Answer {
    const balance = account.balance + (tipo === "c" ? valor : -valor);
    if (tipo === "d" && balance < -account.limit) return problem(422, "limit-exceeded");
    account.balance = balance;
    this.#micros += 1;
    const entries = this.#entriesOf(account.id);
    this.#entries.set(account.id, entries);
    entries.push({
      account: account.id,
      seq: entries.length + 1,
      kind: tipo === "c" ? "credit" : "debit",
      value: valor,
      balance,
      creditLimit: account.limit,
      description: descricao,
      command: "",
      time: this.#micros,
    });
    return { status: 200, body: { limite: account.limit, saldo: balance } };
  }

  #statement({ id, limit, balance }: Account): Answer {
    const latest = this.#entriesOf(id).slice(-10).toReversed();
    const ultimas_transacoes = latest.map((entry) => ({
      valor: entry.value,
      tipo: entry.kind === "credit" ? "c" : "d",
      descricao: entry.description,
      realizada_em: timestamp(entry.time),
    }));
    const saldo = { total: balance, data_extrato: timestamp(this.#micros), limite: limit };
    return { status: 200, body: { saldo, ultimas_transacoes } };
  }

  #entriesOf(account: string): BooksSnapshot["entries"][number][] {
    return this.#entries.get(account) ?? [];
  }
}

function unavailable(outcome: string): Answer {
  const { status, body, headers } = problem(503, "ledger-unavailable");
  return { status, body: { ...body, outcome }, headers: { ...headers, "retry-after": "1" } };
}

function problem(status: number, name: string): Answer {
  const body = { type: `urn:razonete:problem:${name}`, title: name, status, detail: "" };
  return { status, body, headers: { "content-type": "application/problem+json" } };
}

function timestamp(micros: number): string {
  const milliseconds = new Date(Math.floor(micros / 1000)).toISOString().slice(0, -1);
  return `${milliseconds}${String(micros % 1000).padStart(3, "0")}Z`;
}
