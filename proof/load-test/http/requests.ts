import type { LoadTarget } from "./load-target.ts";

/** Builds requests as bytes, with the headers that Gatling sends. Like a browser, they leave the connection open. */
export class Requests {
  readonly #target: LoadTarget;
  readonly #commonHeaders: string;
  readonly #statements = new Map<number, Uint8Array>();

  constructor(target: LoadTarget) {
    this.#target = target;
    this.#commonHeaders = `Host: ${target.hostHeader}\r\nUser-Agent: razonete-rinha\r\nAccept: */*\r\n`;
  }

  statement(account: number): Uint8Array {
    const known = this.#statements.get(account);
    if (known !== undefined) return known;
    const path = `${this.#target.basePath}/clientes/${account}/extrato`;
    const request = Buffer.from(`GET ${path} HTTP/1.1\r\n${this.#commonHeaders}\r\n`);
    this.#statements.set(account, request);
    return request;
  }

  transaction(account: number, kind: "debit" | "credit", value: number, description: string): Uint8Array {
    const type = kind === "debit" ? "d" : "c";
    return this.post(account, `{"valor": ${value}, "tipo": "${type}", "descricao": "${description}"}`);
  }

  /** @param json the body, valid or invalid */
  post(account: number, json: string): Uint8Array {
    const path = `${this.#target.basePath}/clientes/${account}/transacoes`;
    const length = Buffer.byteLength(json);
    return Buffer.from(
      `POST ${path} HTTP/1.1\r\n${this.#commonHeaders}` +
        `Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${json}`,
    );
  }
}
