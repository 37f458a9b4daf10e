/** What a key in Redis holds from a batch on; `null`: there is none. */
export interface Version {
  readonly g: number;
  readonly text: string | null;
}

/** Before the first batch. */
const NEVER: Version = { g: -1, text: null };

/**
 * What a key held in the course of time. What was read of it at some moment is compared with all that it may have held
 * then: the audit knows a batch that Redis had by then, and a later one that it had not passed.
 */
export class Versions {
  readonly #versions: Version[] = [NEVER];

  add(g: number, text: string | null): void {
    this.#versions.push({ g, text });
  }

  /** As of the latest batch. */
  get latest(): string | null {
    return this.#versions.at(-1)?.text ?? null;
  }

  /** @param knownG Redis had this batch when it was read */
  mayBe(text: string | null, knownG: number): boolean {
    const first = this.#versions.findLastIndex(({ g }) => g <= knownG);
    return this.#versions.slice(first).some((version) => version.text === text);
  }
}
