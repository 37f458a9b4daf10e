import { expect } from "bun:test";
import { PROBLEMS, type ProblemName } from "../../../src/http/problems.ts";

/** Speaks to the API at a URL, the way a client would. */
export class Client {
  readonly #url: () => string;

  /** @param url asked for at each request, so that a client can be made before its server listens */
  constructor(url: () => string) {
    this.#url = url;
  }

  get(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.#url() + path, init);
  }

  /** @param body sent as it is where it is a text, else as JSON */
  send(method: string, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(this.#url() + path, {
      method,
      body: typeof body === "string" ? body : JSON.stringify(body),
      headers: { "content-type": "application/json", ...headers },
    });
  }

  transact(id: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return this.send("POST", `/clientes/${id}/transacoes`, body, headers);
  }

  /** Opens an account of the caller's own. */
  async account(limite: number): Promise<string> {
    return (await json<AccountBody>(await this.send("POST", "/clientes", { limite }), 201)).id;
  }
}

export const credit = (valor: unknown) => ({ valor, tipo: "c", descricao: "credit" });
export const debit = (valor: unknown) => ({ valor, tipo: "d", descricao: "debit" });

/** The account's form on the wire. */
export type AccountBody = {
  readonly id: string;
  readonly nome: string | null;
  readonly limite: number;
  readonly saldo: number;
};

export interface HistoryBody {
  readonly transacoes: readonly {
    readonly seq: number;
    readonly valor: number;
    readonly tipo: string;
    readonly descricao: string;
    readonly saldo: number;
    readonly realizada_em: string;
  }[];
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
  expect(body).toMatchObject({ type: `urn:razonete:problem:${name}`, title: PROBLEMS[name].title, status });
  expect(String(body["detail"])).toMatch(/\.$/);
  return body;
}
