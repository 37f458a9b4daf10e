/** Lets one loop sleep until something happens or time is up. What happened while it was awake is not lost. */
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
