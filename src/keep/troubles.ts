/** Reports changes of state, one line each: that a server cannot be used, and that it can again. */
export class Troubles {
  readonly #report: (line: string) => void;
  readonly #standing = new Set<string>();

  constructor(report: (line: string) => void) {
    this.#report = report;
  }

  /** @param what for a person: which server, and what it does not do */
  begin(server: string, what: string): void {
    if (this.#standing.has(server)) return;
    this.#standing.add(server);
    this.#report(what);
  }

  end(server: string): void {
    if (this.#standing.delete(server)) this.#report(`${server} can be used again`);
  }
}
