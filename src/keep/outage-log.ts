import type { Report } from "../log/report.ts";

/** `away` covers all reasons why a server does not answer properly: during a restart one follows the other. */
export type Outage = "away" | "no books" | "no ledger" | "another epoch" | "older" | "replica" | "settings";

/** Reports only changes, one line each: what is wrong with a server, and later that it can be used again. */
export class OutageLog {
  readonly #report: Report;
  readonly #current = new Map<string, Outage>();

  constructor(report: Report) {
    this.#report = report;
  }

  /** @param what the line to report, for a person */
  begin(server: string, outage: Outage, what: string): void {
    if (this.#current.get(server) === outage) return;
    this.#current.set(server, outage);
    this.#report(what, { server, outage });
  }

  end(server: string): void {
    if (this.#current.delete(server)) this.#report(`${server} can be used again`, { server });
  }
}
