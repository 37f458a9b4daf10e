import { once } from "node:events";
import type { HttpServer } from "../http/server.ts";
import { listenForStop } from "./stop-signals.ts";

/**
 * Serves until the first SIGINT or SIGTERM, then completes what was begun and ends the process with 0. A second signal
 * ends it at once, which loses nothing that was answered.
 *
 * @param banner printed when it listens
 * @param drainMilliseconds how long /readyz says 503 before no more connections are taken
 * @param close lets go of the ledger, when no more requests come
 */
export async function runServer(
  server: HttpServer,
  banner: string,
  drainMilliseconds: number,
  close: () => Promise<void>,
): Promise<never> {
  // Listened for before the banner: who reads that may stop the server in the very next moment.
  const signals = listenForStop((signal) => {
    console.log(`\n${signal}: completing what was begun (again to end at once) ...`);
  });
  signals.kill.addEventListener("abort", () => {
    // As a shell has it for a process that the signal ended.
    process.exit(signals.kill.reason === "SIGINT" ? 130 : 143);
  });
  console.log(banner);
  await once(signals.stop, "abort");
  server.drain();
  await Bun.sleep(drainMilliseconds);
  await server.stop();
  await close();
  console.log("Stopped. Everything that was answered is kept.");
  process.exit(0);
}
