import type { HttpServer } from "../http/server.ts";

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
  const signalled = firstSignal();
  console.log(banner);
  const signal = await signalled;
  console.log(`\n${signal}: completing what was begun (again to end at once) ...`);
  server.drain();
  await Bun.sleep(drainMilliseconds);
  await server.stop();
  await close();
  console.log("Stopped. Everything that was answered is kept.");
  process.exit(0);
}

// One Ctrl-C under `npm start` arrives twice, from the terminal and handed on by npm.
const SAME_PRESS_MILLISECONDS = 250;

function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first: number | null = null;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (first === null) {
        first = performance.now();
        resolve(signal);
      } else if (performance.now() - first > SAME_PRESS_MILLISECONDS) {
        process.exit(signal === "SIGINT" ? 130 : 143);
      }
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}
