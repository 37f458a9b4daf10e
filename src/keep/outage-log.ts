/** `away` covers every reason why a server does not answer as it should: they follow each other in a restart. */
export type Outage = "away" | "no books" | "no ledger" | "another epoch" | "older";

/** Reports changes of state, one line each: what is wrong with a server, and that nothing is any longer. */
export class OutageLog {
  readonly #report: (line: string) => void;
  readonly #current = new Map<string, Outage>();

  constructor(report: (line: string) => void) {
    this.#report = report;
  }

  /** @param what for a person */
  begin(server: string, outage: Outage, what: string): void {
    if (this.#current.get(server) === outage) return;
    this.#current.set(server, outage);
    this.#report(what);
  }

  end(server: string): void {
    if (this.#current.delete(server)) this.#report(`${server} can be used again`);
  }
}
