const WAIT_MILLISECONDS = 30_000;

/** Resolves when the condition holds; a condition that rejects does not hold. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WAIT_MILLISECONDS;
  let last = "";
  while (performance.now() < deadline) {
    try {
      if (await condition()) return;
      last = "";
    } catch (error) {
      last = ` (${error instanceof Error ? error.message : String(error)})`;
    }
    await Bun.sleep(10);
  }
  throw new Error(`it did not come to pass that ${what}${last}`);
}
