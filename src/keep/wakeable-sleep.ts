/** A sleep of one loop, which {@link wake} ends early. A wake while the loop is not sleeping ends its next sleep. */
export class WakeableSleep {
  #pending = false;
  #resolve: (() => void) | null = null;

  wake(): void {
    this.#pending = true;
    this.#resolve?.();
  }

  async for(milliseconds: number): Promise<void> {
    if (!this.#pending && milliseconds > 0) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
        timer = setTimeout(resolve, milliseconds);
      });
      clearTimeout(timer);
      this.#resolve = null;
    }
    this.#pending = false;
  }
}
