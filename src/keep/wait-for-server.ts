import { bounds } from "../bounds.ts";
import { StartError } from "../errors.ts";
import { codeOf } from "./postgres-client.ts";

/**
 * Waits until a server answers: one that is started together with this process needs a moment.
 *
 * @throws StartError after `init_wait_milliseconds_max`
 */
export async function waitForServer(server: string, attempt: () => PromiseLike<unknown>): Promise<void> {
  const deadline = performance.now() + bounds.init_wait_milliseconds_max;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      const reason = error instanceof Error ? error.message || codeOf(error) : String(error);
      // Waiting does not help against a wrong password or database name.
      if (performance.now() > deadline || /^(28|3D)/.test(codeOf(error))) {
        throw new StartError(`${server} cannot be used: ${reason}.`);
      }
      await Bun.sleep(bounds.books_reconnect_milliseconds);
    }
  }
}
