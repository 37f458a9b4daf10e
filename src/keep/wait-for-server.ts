import { bounds } from "../bounds.ts";
import { StartError } from "../errors.ts";
import { codeOf } from "./postgres-client.ts";

/**
 * Waits for a server: those that are started together with this are not there at once.
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
      // A wrong password or database name does not mend itself.
      if (performance.now() > deadline || /^(28|3D)/.test(codeOf(error))) {
        throw new StartError(`${server} cannot be used: ${reason}.`);
      }
      await Bun.sleep(bounds.books_reconnect_milliseconds);
    }
  }
}
