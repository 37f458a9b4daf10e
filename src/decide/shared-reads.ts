/** Reads of which each is made once at a time: who asks for what is being read already gets the same answer. */
export class SharedReads<T> {
  readonly #inFlight = new Map<string, Promise<T>>();

  /** @param name what is read */
  read(name: string, read: () => Promise<T>): Promise<T> {
    const known = this.#inFlight.get(name);
    if (known !== undefined) return known;
    const reading = read().finally(() => this.#inFlight.delete(name));
    this.#inFlight.set(name, reading);
    return reading;
  }
}
