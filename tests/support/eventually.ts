const WAIT_MILLISECONDS_MAX = 45_000;

/**
 * Waits until the condition holds; fails, naming it, where it does not for very long. A condition that rejects does not
 * hold: what it asks may be away.
 */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  describe: () => unknown = () => "",
  millisecondsMax: number = WAIT_MILLISECONDS_MAX,
): Promise<void> {
  const deadline = performance.now() + millisecondsMax;
  let reason: unknown;
  while (performance.now() < deadline) {
    try {
      if (await condition()) return;
      reason = undefined;
    } catch (error) {
      reason = error;
    }
    await Bun.sleep(10);
  }
  throw new Error(`waited in vain: ${what} ${JSON.stringify(describe())}`, { cause: reason });
}
