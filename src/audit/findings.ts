import { bounds } from "../bounds.ts";
import type { AccountId } from "../ledger/account.ts";
import type { Finding, FindingName } from "./report/audit-report.ts";

/** The findings of an audit so far: all are counted, the first ones are listed. */
export class Findings {
  readonly #listed: Finding[] = [];
  readonly #seen = new Set<string>();
  #count = 0;

  get listed(): readonly Finding[] {
    return this.#listed;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * The same finding at the same account and seq is added once: two sources may show the same damage.
   *
   * @param what of an account, where it has several that may each be damaged
   */
  add(name: FindingName, account: AccountId | null, seq: number | null, detail: string, what = ""): void {
    const key = `${name} ${account} ${seq} ${account === null ? detail : what}`;
    if (this.#seen.has(key)) return;
    if (this.#seen.size < bounds.audit_rows_named_max) this.#seen.add(key);
    this.#count += 1;
    if (this.#listed.length < bounds.audit_findings_told_max)
      this.#listed.push({ name, account, seq, detail });
  }

  /** Counts further findings that are not listed. */
  addUnlisted(count: number): void {
    this.#count += count;
  }
}
