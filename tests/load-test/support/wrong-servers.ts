import type { IncomingMessage, ServerResponse } from "node:http";
import { type Answer, LedgerServer, type StoredAccount, type StoredEntry } from "./server.ts";

/** Correct, but closes the connection after each answer. */
export class ClosesConnections extends LedgerServer {
  override send(response: ServerResponse, answer: Answer): void {
    response.setHeader("connection", "close");
    super.send(response, answer);
  }
}

/** Reads the balance, waits, and writes it back: what others wrote meanwhile is overwritten. */
export class LosesUpdates extends LedgerServer {
  override async transact(account: StoredAccount, transaction: StoredEntry): Promise<Answer> {
    const saldo = account.saldo + (transaction.tipo === "c" ? transaction.valor : -transaction.valor);
    await Bun.sleep(2);
    if (!this.mayBe(saldo, account, transaction)) return { status: 422, body: {} };
    account.saldo = saldo;
    this.note(account, transaction);
    return { status: 200, body: { limite: account.limite, saldo } };
  }
}

/** Loses updates for a moment only, in the middle of the load. */
export class LosesOneUpdate extends LedgerServer {
  #credits = 0;

  override async transact(account: StoredAccount, transaction: StoredEntry): Promise<Answer> {
    if (transaction.tipo === "c") this.#credits += 1;
    if (transaction.tipo === "d" || this.#credits !== 80) return super.transact(account, transaction);
    const before = account.saldo;
    const saldo = before + transaction.valor;
    // Until another one was applied meanwhile, which is lost then.
    for (let waited = 0; account.saldo === before && waited < 1_500; waited += 10) await Bun.sleep(10);
    account.saldo = saldo;
    this.note(account, transaction);
    return { status: 200, body: { limite: account.limite, saldo } };
  }
}

/** Lets one debit, the first that would, pass the limit. */
export class PassesLimitOnce extends LedgerServer {
  #passed = false;

  override mayBe(saldo: number, account: StoredAccount, transaction: StoredEntry): boolean {
    if (super.mayBe(saldo, account, transaction)) return true;
    if (this.#passed) return false;
    this.#passed = true;
    return true;
  }
}

/** Shows each statement as it was one transaction ago. */
export class ShowsStaleStatements extends LedgerServer {
  readonly #before = new Map<StoredAccount, unknown>();

  override note(account: StoredAccount, transaction: StoredEntry): void {
    const undone = account.saldo - (transaction.tipo === "c" ? transaction.valor : -transaction.valor);
    this.#before.set(account, super.statement({ ...account, saldo: undone }));
    super.note(account, transaction);
  }

  override statement(account: StoredAccount): unknown {
    return this.#before.get(account) ?? super.statement(account);
  }
}

/** Keeps a statement for a while, as a cache does, once the checks before the load are over. */
export class CachesStatements extends LedgerServer {
  readonly #cached = new Map<StoredAccount, unknown>();

  override statement(account: StoredAccount): unknown {
    const isLoad = !["danada", "devolve", "toma", "validacao"].includes(
      account.ultimas[0]?.descricao ?? "toma",
    );
    const cached = this.#cached.get(account);
    if (cached !== undefined) return cached;
    const statement = super.statement(account);
    if (isLoad) this.#cached.set(account, statement);
    return statement;
  }
}

/** Shows the oldest transaction first. */
export class ShowsWrongOrder extends LedgerServer {
  override statement(account: StoredAccount): unknown {
    return super.statement({ ...account, ultimas: account.ultimas.toReversed() });
  }
}

/** Swaps the second and the third transaction, with their times, where only the answers tell that they are swapped. */
export class SwapsTransactions extends LedgerServer {
  override statement(account: StoredAccount): unknown {
    const [first, second, third, ...rest] = account.ultimas;
    if (first === undefined || second === undefined || third === undefined) return super.statement(account);
    const swapped = [
      first,
      { ...third, realizada_em: second.realizada_em },
      { ...second, realizada_em: third.realizada_em },
    ];
    return super.statement({ ...account, ultimas: [...swapped, ...rest] });
  }
}

/** Shows transactions of one moment with the balance of another. */
export class TearsStatements extends LedgerServer {
  override statement(account: StoredAccount): unknown {
    return super.statement({ ...account, saldo: account.saldo + (account.ultimas.length === 10 ? 1 : 0) });
  }
}

/** Shows a different amount than was booked. */
export class ShowsWrongAmounts extends LedgerServer {
  override statement(account: StoredAccount): unknown {
    return super.statement({
      ...account,
      ultimas: account.ultimas.map((entry) => ({ ...entry, valor: entry.valor === 1 ? 1 : entry.valor + 1 })),
    });
  }
}

export class KnowsAccount6 extends LedgerServer {
  override find(id: number): StoredAccount | undefined {
    return id === 6 ? { limite: 0, saldo: 0, ultimas: [] } : super.find(id);
  }
}

export class KnowsNoAccount extends LedgerServer {
  override find(): undefined {
    return undefined;
  }
}

export class AcceptsFractions extends LedgerServer {
  override isAmount(valor: unknown): boolean {
    return super.isAmount(valor) || valor === 1.2;
  }

  override transact(account: StoredAccount, transaction: StoredEntry): Promise<Answer> {
    return super.transact(account, { ...transaction, valor: Math.trunc(transaction.valor) });
  }
}

/** Accepts what it should refuse for its `tipo` or its `descricao`, as a credit. */
export class AcceptsAnything extends LedgerServer {
  override isValid(value: unknown): value is StoredEntry {
    return typeof value === "object" && value !== null && "valor" in value && this.isAmount(value.valor);
  }

  override transact(account: StoredAccount, transaction: StoredEntry): Promise<Answer> {
    const { valor, tipo, descricao, realizada_em } = transaction;
    return super.transact(account, {
      valor,
      tipo: tipo === "d" ? "d" : "c",
      descricao,
      realizada_em,
    });
  }
}

/** Somebody else uses account 2 when the checks have begun. */
export class IsUsedMeanwhile extends LedgerServer {
  override async transact(account: StoredAccount, transaction: StoredEntry): Promise<Answer> {
    const second = this.accounts.get(2);
    if (second !== undefined && second.ultimas.length === 0 && account !== second) {
      await super.transact(second, { ...transaction, valor: 3, tipo: "c", descricao: "other" });
    }
    return super.transact(account, transaction);
  }
}

export class ShowsWrongLimit extends LedgerServer {
  override statement(account: StoredAccount): unknown {
    return super.statement({ ...account, limite: account.limite + 1 });
  }
}

/** Refuses some debits that it could take. */
export class RefusesWithoutReason extends LedgerServer {
  #debits = 0;

  override mayBe(saldo: number, account: StoredAccount, transaction: StoredEntry): boolean {
    if (transaction.tipo === "d") this.#debits += 1;
    return super.mayBe(saldo, account, transaction) && (transaction.tipo === "c" || this.#debits % 40 !== 0);
  }
}

/** Refuses a debit, but changes the balance all the same. */
export class ChangesWhatItRefuses extends LedgerServer {
  override async transact(account: StoredAccount, transaction: StoredEntry): Promise<Answer> {
    const answer = await super.transact(account, transaction);
    if (answer.status === 422) account.saldo -= 1;
    return answer;
  }
}

export class AnswersWithoutBalance extends LedgerServer {
  override async transact(account: StoredAccount, transaction: StoredEntry): Promise<Answer> {
    const answer = await super.transact(account, transaction);
    return answer.status === 200 ? { status: 200, body: { limite: account.limite } } : answer;
  }
}

/** Goes wrong for one request in `every`, after the checks before the load. */
abstract class NowAndThen extends LedgerServer {
  readonly #every: number;
  #requests = 0;

  constructor(every: number) {
    super();
    this.#every = every;
  }

  protected get isItsTurn(): boolean {
    this.#requests += 1;
    // The checks before the load have 133 requests, those beyond the official test included.
    return this.#requests > 140 && this.#requests % this.#every === 0;
  }
}

/** Slow for 5 % of the requests. */
export class IsSlowNowAndThen extends NowAndThen {
  constructor() {
    super(20);
  }

  override async answer(method: string, path: string, text: string): Promise<Answer> {
    if (this.isItsTurn) await Bun.sleep(300);
    return super.answer(method, path, text);
  }
}

/** Drops the connection, half of the time after the transaction took effect. */
export class DropsConnections extends NowAndThen {
  #drops = 0;

  constructor() {
    super(15);
  }

  override async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.isItsTurn) return super.handle(request, response);
    this.#drops += 1;
    if (this.#drops % 2 === 0) {
      request.socket.destroy();
      return undefined;
    }
    return super.handle(request, response);
  }

  override send(response: ServerResponse, answer: Answer): void {
    if (this.#drops % 2 === 1 && this.#drops !== this.#sent) {
      this.#sent = this.#drops;
      response.socket?.destroy();
      return;
    }
    super.send(response, answer);
  }
  #sent = -1;
}

export class FailsNowAndThen extends NowAndThen {
  constructor() {
    super(15);
  }

  override async answer(method: string, path: string, text: string): Promise<Answer> {
    return this.isItsTurn ? { status: 500, body: {} } : super.answer(method, path, text);
  }
}

/** Stops answering during the load. */
export class Hangs extends LedgerServer {
  #requests = 0;

  override async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests += 1;
    if (this.#requests <= 200) await super.handle(request, response);
  }
}

/** Stops listening during the load. */
export class StopsListening extends LedgerServer {
  #requests = 0;

  override async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests += 1;
    if (this.#requests === 200) this.stopListening();
    await super.handle(request, response);
  }
}

/** Never answers at all. */
export class HangsFromTheStart extends LedgerServer {
  override async handle(): Promise<void> {}
}

/** Answers with bytes that are not HTTP. */
export class TalksNonsense extends NowAndThen {
  constructor() {
    super(15);
  }

  override async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.isItsTurn) request.socket.end("What?\r\n\r\n");
    else await super.handle(request, response);
  }
}
