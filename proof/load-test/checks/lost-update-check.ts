/**
 * Each answer claims a step of its account's balance: from the balance before it to the one that it shows. If
 * transactions took effect one after the other, all steps together are one walk: every balance that the walk comes to
 * it leaves again, but for the start and the end. Two answers that both start where only one could (a lost update)
 * leave a balance more often than it was come to.
 *
 * Only balances where comings and leavings differ are kept, so that in a right server as many as answers are
 * outstanding, however long the walk.
 */
export class LostUpdateCheck {
  /** Leavings less comings. */
  readonly #surplus = new Map<number, number>();

  add(before: number, after: number): void {
    this.#change(before, 1);
    this.#change(after, -1);
  }

  /**
   * Steps that start where the walk cannot have been: balances, each as often as it was left too often.
   *
   * @param start where the walk began
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
