/** Transactions one after the other, from several clients at once, and what they were answered. */
export class Transactions {
  readonly #url: string;
  readonly #clients: Promise<void>[];
  readonly #statuses = new Map<number, number>();
  #isOver = false;

  constructor(url: string, clients = 2, token: string | null = null) {
    this.#url = url;
    this.#clients = Array.from({ length: clients }, () => this.#run(token));
  }

  get done(): number {
    return this.#statuses.get(200) ?? 0;
  }

  /** @returns how many had each status; 0: no answer */
  async stop(): Promise<Record<string, number>> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    return Object.fromEntries(this.#statuses);
  }

  async #run(token: string | null): Promise<void> {
    const headers = token === null ? {} : { authorization: `Bearer ${token}` };
    const body = JSON.stringify({ valor: 1, tipo: "c", descricao: "one" });
    while (!this.#isOver) {
      let status = 0;
      try {
        const answer = await fetch(`${this.#url}/clientes/1/transacoes`, { method: "POST", headers, body });
        await answer.text();
        status = answer.status;
      } catch {
        // Counted as no answer.
      }
      this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    }
  }
}
