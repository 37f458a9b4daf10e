import { expect } from "bun:test";
import {
  accountOf,
  type Answer,
  balanceOf,
  call,
  isNotDone,
  problemName,
  readAccounts,
  readChain,
  type WireAccount,
  type WireEntry,
} from "./api.ts";

/** What a client knows of a request. `not-done`: it was answered 503 with the outcome `none`. */
type Known =
  | { readonly type: "accepted"; readonly limite: number; readonly saldo: number }
  | { readonly type: "refused"; readonly problem: string }
  | { readonly type: "not-done" }
  | { readonly type: "unknown" };

export interface Attempt {
  readonly account: string;
  readonly tipo: "c" | "d";
  readonly valor: number;
  /** Of this attempt alone, so that its entry can be found again. */
  readonly descricao: string;
  readonly key: string | null;
  known: Known;
}

interface Opening {
  readonly nome: string;
  /** Null where no answer told it. */
  id: string | null;
  /** It was answered that nothing was done. */
  isNotDone: boolean;
}

export type KeptEntry = Omit<WireEntry, "created_at"> & { readonly account: string };

/** What the clients were told, and whether the ledger still stands by it. */
export class Journal {
  readonly attempts: Attempt[] = [];
  readonly openings: Opening[] = [];
  /** The limits that an account may have: the one answered last, and what was asked for since without an answer. */
  readonly limits = new Map([["1", new Set([100_000])]]);
  /** Answers that no server may give. */
  readonly surprises: string[] = [];
  #count = 0;

  count(known: Known["type"]): number {
    return this.attempts.filter((attempt) => attempt.known.type === known).length;
  }

  /** A text of at most 10 characters that was not used before. */
  newName(): string {
    this.#count += 1;
    return `t${this.#count.toString(36)}`;
  }

  /** @returns whether an answer came; without one the server is gone */
  async transact(url: string, wanted: Omit<Attempt, "descricao" | "known">, twice = false): Promise<boolean> {
    const attempt: Attempt = { ...wanted, descricao: this.newName(), known: { type: "unknown" } };
    this.attempts.push(attempt);
    const answers = await Promise.all([send(url, attempt), ...(twice ? [send(url, attempt)] : [])]);
    const known = answers.flatMap((answer) => this.#read(attempt, answer));
    attempt.known = known.find(({ type }) => type !== "unknown" && type !== "not-done") ??
      known.find(({ type }) => type === "unknown") ?? { type: "not-done" };
    for (const other of known) {
      if (other.type === "unknown" || other.type === "not-done") continue;
      if (!Bun.deepEquals(other, attempt.known)) this.#surprise("two outcomes", attempt, other);
    }
    return answers.some((answer) => answer !== null);
  }

  async open(url: string, limite: number): Promise<void> {
    const opening: Opening = { nome: this.newName(), id: null, isNotDone: false };
    this.openings.push(opening);
    const answer = await orNull(
      call(url, "POST", "/v1/accounts", { unit: "BRL/2", credit_limit: limite, name: opening.nome }),
    );
    if (answer === null) return;
    if (answer.status === 201) {
      opening.id = accountOf(answer).id;
      this.limits.set(opening.id, new Set([limite]));
    } else if (isNotDone(answer)) opening.isNotDone = true;
    else if (answer.status !== 503) this.#surprise("open", answer.status, answer.body);
  }

  /** Not to be called twice at once for one account: then nobody knew which limit came last. */
  async changeLimit(url: string, account: string, limite: number): Promise<void> {
    const possible = this.limits.get(account) ?? new Set();
    const answer = await orNull(call(url, "PATCH", `/v1/accounts/${account}`, { credit_limit: limite }));
    if (answer?.status === 200) this.limits.set(account, new Set([limite]));
    else if (answer === null || (answer.status === 503 && !isNotDone(answer))) {
      this.limits.set(account, possible.add(limite));
    } else if (problemName(answer) !== "limit-too-low" && !isNotDone(answer)) {
      this.#surprise("limit", answer.status, answer.body);
    }
  }

  /** Compares all that was told with all that the ledger shows now. */
  async check(url: string): Promise<void> {
    const accounts = await readAccounts(url, this.opened);
    this.compareAccounts(accounts);
    const kept: KeptEntry[] = [];
    for (const account of accounts) {
      for (const entry of await readChain(url, account)) kept.push({ ...entry, account: account.id });
    }
    this.compare(kept);
  }

  /** The ids of the accounts that were opened, as far as they were told. */
  get opened(): readonly string[] {
    return this.openings.flatMap(({ id }) => id ?? []);
  }

  /** Compares what was told of accounts with those that there are: each opened once, with a limit that it may have. */
  compareAccounts(accounts: readonly Omit<WireAccount, "balance">[]): void {
    expect(this.surprises).toEqual([]);
    const named = accounts.filter(({ name }) => name !== null);
    const byName = new Map(named.map((account) => [account.name, account]));
    expect(byName.size).toBe(named.length);
    for (const { nome, id, isNotDone: isAbsent } of this.openings) {
      if (isAbsent) expect(byName.has(nome)).toBe(false);
      else if (id !== null) expect(byName.get(nome)).toMatchObject({ id });
    }
    const limits = new Map(accounts.map((account) => [account.id, account.credit_limit]));
    for (const [id, possible] of this.limits) expect([...possible]).toContain(limits.get(id) ?? -1);
  }

  /** Compares what was told of transactions with all entries that were kept: each once, as it was told, and no other. */
  compare(kept: readonly KeptEntry[]): void {
    expect(this.surprises).toEqual([]);
    const entries = new Map<string, KeptEntry>();
    for (const entry of kept) {
      const twin = entries.get(entry.description ?? "");
      if (twin !== undefined) throw new Error(`applied twice: ${JSON.stringify([twin, entry])}`);
      entries.set(entry.description ?? "", entry);
    }
    for (const attempt of this.attempts) {
      const entry = entries.get(attempt.descricao);
      entries.delete(attempt.descricao);
      const fault = faultOf(attempt, entry);
      if (fault !== null) throw new Error(`${fault}: ${JSON.stringify({ attempt, entry })}`);
    }
    // What is left was asked for by nobody.
    expect([...entries.values()]).toEqual([]);
  }

  /**
   * Sends keyed attempts again. One whose outcome was told gets the same one, marked as replayed; of one whose
   * outcome was not, this is the outcome from now on.
   */
  async resend(url: string, attempts: readonly Attempt[]): Promise<void> {
    for (const attempt of attempts) {
      const answer = await call(url, "POST", path(attempt), body(attempt), attempt.key);
      const [known] = this.#read(attempt, answer);
      if (known === undefined) continue;
      const { type } = attempt.known;
      if (type === "accepted" || type === "refused") {
        expect({ replayed: answer.replayed, known, attempt }).toEqual({
          replayed: true,
          known: attempt.known,
          attempt,
        });
      }
      attempt.known = known;
    }
  }

  #read(attempt: Attempt, answer: Answer | null): Known[] {
    if (answer === null) return [{ type: "unknown" }];
    const problem = problemName(answer);
    if (answer.status === 200) return [{ type: "accepted", ...balanceOf(answer) }];
    if (answer.status === 422 && problem === "limit-exceeded") return [{ type: "refused", problem }];
    if (answer.status === 503 && problem === "ledger-unavailable" && answer.headers.has("retry-after")) {
      return [{ type: isNotDone(answer) ? "not-done" : "unknown" }];
    }
    this.#surprise(answer.status, attempt, answer.body);
    return [];
  }

  #surprise(...what: unknown[]): void {
    this.surprises.push(JSON.stringify(what));
  }
}

/** What is wrong between an attempt and its entry; `null` where nothing is. */
function faultOf(attempt: Attempt, entry: KeptEntry | undefined): string | null {
  const { known } = attempt;
  if (entry === undefined) return known.type === "accepted" ? "answered, and lost" : null;
  if (known.type === "refused") return "refused, and applied";
  if (known.type === "not-done") return "answered that nothing was changed, and applied";
  const same =
    entry.account === attempt.account && entry.amount === (attempt.tipo === "c" ? 1 : -1) * attempt.valor;
  if (!same) return "applied as something else";
  if (known.type === "accepted" && known.saldo !== entry.balance) return "answered with another balance";
  return null;
}

function path({ account }: Attempt): string {
  return `/clientes/${account}/transacoes`;
}

function body({ valor, tipo, descricao }: Attempt): object {
  return { valor, tipo, descricao };
}

async function send(url: string, attempt: Attempt): Promise<Answer | null> {
  return orNull(call(url, "POST", path(attempt), body(attempt), attempt.key));
}

/** No answer is an answer that these tests expect: the server may be gone. */
async function orNull(answer: Promise<Answer>): Promise<Answer | null> {
  try {
    return await answer;
  } catch {
    return null;
  }
}
