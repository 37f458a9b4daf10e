import { bounds } from "../bounds.ts";
import type { Finding, FindingName } from "./report/audit-report.ts";

/** What an audit has found so far: all are counted, the first ones are kept to be told. */
export class Findings {
  readonly #told: Finding[] = [];
  readonly #known = new Set<string>();
  #count = 0;

  get told(): readonly Finding[] {
    return this.#told;
  }

  get count(): number {
    return this.#count;
  }

  /** The same name at the same place is told once: two sources may show one and the same damage. */
  add(name: FindingName, account: number | null, seq: number | null, detail: string): void {
    const place = `${name} ${account} ${seq}${account === null ? detail : ""}`;
    if (this.#known.has(place)) return;
    if (this.#known.size < bounds.audit_rows_named_max) this.#known.add(place);
    this.#count += 1;
    if (this.#told.length < bounds.audit_findings_told_max) this.#told.push({ name, account, seq, detail });
  }

  /** More of the same, that nobody has looked at one by one. */
  addUntold(count: number): void {
    this.#count += count;
  }
}
