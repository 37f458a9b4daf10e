import { expect } from "bun:test";
import { PROBLEMS, type ProblemName } from "../../../src/http/problems.ts";
import { Conformity } from "./conformity.ts";

/** Speaks to the API at a URL, the way a client would. Holds everything to the OpenAPI document. */
export class Client {
  readonly conformity = new Conformity();
  readonly #url: () => string;
  readonly #token: string | null;

  /**
   * @param url asked for at each request, so that a client can be made before its server listens
   * @param token its access key, if it has one
   */
  constructor(url: () => string, token: string | null = null) {
    this.#url = url;
    this.#token = token;
  }

  get(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    for (const [name, value] of Object.entries(this.#key())) headers.set(name, value);
    return this.#fetch(path, { method: "GET", ...init, headers });
  }

  #key(): Record<string, string> {
    return this.#token === null ? {} : { authorization: `Bearer ${this.#token}` };
  }

  /** @param body sent as it is where it is a text, else as JSON; without it there is none */
  send(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return this.#fetch(path, {
      method,
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      headers: { "content-type": "application/json", ...this.#key(), ...headers },
    });
  }

  async #fetch(path: string, init: RequestInit & { readonly method: string }): Promise<Response> {
    const reply = await fetch(this.#url() + path, init);
    const { method, body = "", headers } = init;
    // What is no text is sent by tests of what is no JSON.
    if (typeof body === "string") {
      const key = new Headers(headers).get("idempotency-key");
      const text = await reply.clone().text();
      const url = new URL(this.#url() + path);
      const answered = { status: reply.status, headers: new Map(reply.headers), text };
      this.conformity.check({ method, path: url.pathname + url.search, key, body, ...answered });
    }
    return reply;
  }

  post(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return this.send("POST", path, body, headers);
  }

  /** On the contest's route. */
  transact(id: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return this.post(`/clientes/${id}/transacoes`, body, headers);
  }

  /** Opens an account of the caller's own. */
  async account(creditLimit = 0, more: object = {}): Promise<string> {
    const body = { unit: "BRL/2", credit_limit: creditLimit, ...more };
    return (await json<AccountBody>(await this.post("/v1/accounts", body), 201)).id;
  }

  async readAccount(id: string): Promise<AccountBody> {
    return json<AccountBody>(await this.get(accountPath(id)), 200);
  }

  /** Opens an account with this balance. */
  async funded(balance: number, more: object = {}): Promise<string> {
    const id = await this.account(0, more);
    await this.move(["@world", id, balance]);
    return id;
  }

  /** A transaction of these postings: from, to, amount. */
  async move(...postings: readonly (readonly [string, string, number])[]): Promise<TransactionBody> {
    const body = { postings: postings.map(([from, to, amount]) => ({ from, to, amount })) };
    return json<TransactionBody>(await this.post("/v1/transactions", body), 201);
  }

  async hold(from: string, amount: number, more: object = {}): Promise<HoldBody> {
    return json<HoldBody>(await this.post("/v1/holds", { from, amount, ...more }), 201);
  }

  /** All entries of an account, oldest first, checked to be a chain that ends at its balance. */
  async chain(id: string): Promise<EntryBody[]> {
    const entries: EntryBody[] = [];
    let path: string | null = `${accountPath(id)}/entries?order=asc&limit=100`;
    while (path !== null) {
      const reply: Response = await this.get(path);
      path = nextOf(reply);
      entries.push(...(await json<ListBody<EntryBody>>(reply, 200)).data);
    }
    let balance = 0;
    let time = "";
    for (const [index, entry] of entries.entries()) {
      balance += entry.amount;
      const isNext = entry.seq === index + 1 && entry.balance === balance && entry.created_at > time;
      if (!isNext) throw new Error(`the chain of account ${id} breaks at ${JSON.stringify(entry)}`);
      time = entry.created_at;
    }
    expect((await this.readAccount(id)).balance).toBe(balance);
    return entries;
  }
}

export const credit = (valor: unknown) => ({ valor, tipo: "c", descricao: "credit" });
export const debit = (valor: unknown) => ({ valor, tipo: "d", descricao: "debit" });

export const accountPath = (id: string) => `/v1/accounts/${encodeURIComponent(id)}`;

/** Six digits of the second, as all times have on the wire. */
export const A_TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);

/** The path of the next page; null after the last one. */
export function nextOf(reply: Response): string | null {
  return /^<(\S+)>; rel="next"$/.exec(reply.headers.get("link") ?? "")?.[1] ?? null;
}

/** An account as other objects show it. */
export interface StateBody {
  readonly id: string;
  readonly unit: string;
  readonly state: string;
  readonly credit_limit: number;
  readonly balance: number;
  readonly held: number;
  readonly available: number;
  readonly seq: number;
  readonly opened_at: string;
}

export interface AccountBody extends StateBody {
  readonly name: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface TransactionBody {
  readonly id: string;
  readonly accounts: Readonly<Record<string, StateBody>>;
  readonly created_at: string;
}

export interface HoldBody {
  readonly id: string;
  readonly transaction: string | null;
}

export interface EntryBody {
  readonly seq: number;
  readonly amount: number;
  readonly balance: number;
  readonly counterparty: string;
  readonly transaction: string;
  readonly description: string | null;
  readonly reference: string | null;
  readonly created_at: string;
}

export interface ListBody<Item> {
  readonly data: readonly Item[];
  readonly next: string | null;
}

/** The body of an answer that should be JSON with this status. */
export async function json<Body = Record<string, unknown>>(reply: Response, status: number): Promise<Body> {
  const text = await reply.text();
  expect(`${reply.status} ${text}`).toStartWith(`${status} `);
  expect(reply.headers.get("content-type")).toBe("application/json");
  return JSON.parse(text);
}

/** Holds an answer to RFC 9457 and to the catalogue. */
export async function problem(
  reply: Response,
  status: number,
  name: ProblemName,
): Promise<Record<string, unknown>> {
  const text = await reply.text();
  expect(`${reply.status} ${text}`).toStartWith(`${status} `);
  expect(reply.headers.get("content-type")).toBe("application/problem+json");
  const body: Record<string, unknown> = JSON.parse(text);
  expectProblem(body, status, name);
  return body;
}

export function expectProblem(body: Record<string, unknown>, status: number, name: ProblemName): void {
  expect(body).toMatchObject({ type: `urn:razonete:problem:${name}`, title: PROBLEMS[name].title, status });
  expect(String(body["detail"])).toMatch(/\.$/);
}

/** What an answer says is wrong: the pointers into the body, or the parameters of the query. */
export async function wrongFields(reply: Response): Promise<string[]> {
  const { errors } = await problem(reply, 422, "invalid-fields");
  if (!Array.isArray(errors)) throw new Error("no errors");
  return errors.map(({ pointer, parameter, detail }) => {
    expect(detail).toBeString();
    return String(pointer ?? parameter);
  });
}
