const WAIT_MILLISECONDS_MAX = 30_000;

/** Waits until the condition holds; fails, naming it, where it does not for very long. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  describe: () => unknown = () => "",
): Promise<void> {
  const deadline = performance.now() + WAIT_MILLISECONDS_MAX;
  while (!(await condition())) {
    if (performance.now() > deadline)
      throw new Error(`waited in vain: ${what} ${JSON.stringify(describe())}`);
    await Bun.sleep(5);
  }
}
