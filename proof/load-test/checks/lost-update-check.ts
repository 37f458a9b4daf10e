/**
 * Finds lost updates in the balance transitions that answers claim. Each answer claims a step: from the balance before
 * it to the balance that it shows. If transactions took effect one after the other, the steps form one path: every
 * balance that is reached is also left, except for the start and the end of the path. If two answers start from the
 * same balance although only one could (a lost update), that balance is left more often than it is reached.
 *
 * Only balances that are not left as often as they are reached are stored. With a correct server these are about as
 * many as there are outstanding answers, however long the path is.
 */
export class LostUpdateCheck {
  /** By balance: how often it was left, minus how often it was reached. */
  readonly #surplus = new Map<number, number>();

  add(before: number, after: number): void {
    this.#change(before, 1);
    this.#change(after, -1);
  }

  /**
   * The balances that were left more often than they were reached, each as many times as it was left too often.
   *
   * @param start the balance at the start of the path
   */
  unmatchedStarts(start: number): number[] {
    const balances: number[] = [];
    for (const [balance, surplus] of this.#surplus) {
      const excess = balance === start ? surplus - 1 : surplus;
      for (let count = 0; count < excess; count++) balances.push(balance);
    }
    return balances;
  }

  clear(): void {
    this.#surplus.clear();
  }

  #change(balance: number, by: number): void {
    const surplus = (this.#surplus.get(balance) ?? 0) + by;
    if (surplus === 0) this.#surplus.delete(balance);
    else this.#surplus.set(balance, surplus);
  }
}
