/** Work that is done one after the other, by names: whoever comes later waits for those before. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name);
    const mine = before === undefined ? work() : before.then(work, work);
    this.#last.set(name, mine);
    const isOver = (): void => {
      if (this.#last.get(name) === mine) this.#last.delete(name);
    };
    mine.then(isOver, isOver);
    return mine;
  }
}
