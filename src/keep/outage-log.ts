/** `away` covers every reason why a server does not answer as it should: they follow each other in a restart. */
export type Trouble = "away" | "no books" | "no ledger" | "another epoch" | "older";

/** Reports changes of state, one line each: what is wrong with a server, and that nothing is any longer. */
export class Troubles {
  readonly #report: (line: string) => void;
  readonly #standing = new Map<string, Trouble>();

  constructor(report: (line: string) => void) {
    this.#report = report;
  }

  /** @param what for a person */
  begin(server: string, trouble: Trouble, what: string): void {
    if (this.#standing.get(server) === trouble) return;
    this.#standing.set(server, trouble);
    this.#report(what);
  }

  end(server: string): void {
    if (this.#standing.delete(server)) this.#report(`${server} can be used again`);
  }
}
