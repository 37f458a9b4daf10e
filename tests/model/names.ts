/**
 * The ids that a ledger makes, against those that the model has for the same things. The model cannot foretell them: it
 * learns each from the first answer that has it, and only says what it must look like, and that it must be new.
 */
export class Names {
  readonly #told = new Map<string, string>();
  readonly #taken = new Set<string>();
  #count = 0;

  /** An id of the model's own, which no text of a client is: those have no U+0000. */
  next(letter: "a" | "t" | "h"): string {
    this.#count += 1;
    return `\0${letter}${this.#count}`;
  }

  isTold(id: string): boolean {
    return !id.startsWith("\0") || this.#told.has(id);
  }

  /** The value with the ledger's ids in place of the model's, as far as they are told. */
  told<T>(value: T): T;
  told(value: unknown): unknown {
    if (typeof value === "string") return this.#told.get(value) ?? value;
    if (Array.isArray(value)) return value.map((item: unknown) => this.told(item));
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, this.told(member)]));
  }

  /**
   * Learns from an answer.
   *
   * @throws Error if an id is none, or not a new one
   */
  learn(expected: unknown, actual: unknown): void {
    if (typeof expected === "string") {
      if (expected.startsWith("\0") && !this.#told.has(expected)) this.#learn(expected, actual);
    } else if (isObject(expected) && isObject(actual)) {
      for (const [name, member] of Object.entries(expected)) this.learn(member, actual[name]);
    }
  }

  #learn(name: string, id: unknown): void {
    if (typeof id !== "string") return;
    if (!/^[\w.:{}-]{1,64}$/.test(id) || /^[\d.]+$/.test(id)) throw new Error(`not an id: ${id}`);
    if (this.#taken.has(id)) throw new Error(`two things have the id ${id}`);
    this.#taken.add(id);
    this.#told.set(name, id);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
