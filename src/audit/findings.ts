import { bounds } from "../bounds.ts";
import type { Finding, FindingName } from "./report/audit-report.ts";

/** What an audit has found so far: all are counted, the first ones are kept to be told. */
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

  /** The same name at the same place is told once: two sources may show one and the same damage. */
  add(name: FindingName, account: number | null, seq: number | null, detail: string): void {
    const key = `${name} ${account} ${seq}${account === null ? detail : ""}`;
    if (this.#seen.has(key)) return;
    if (this.#seen.size < bounds.audit_rows_named_max) this.#seen.add(key);
    this.#count += 1;
    if (this.#listed.length < bounds.audit_findings_told_max)
      this.#listed.push({ name, account, seq, detail });
  }

  /** More of the same, that nobody has looked at one by one. */
  addUnlisted(count: number): void {
    this.#count += count;
  }
}
