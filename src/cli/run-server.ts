import { once } from "node:events";
import type { Reach } from "../access/start-rules.ts";
import type { HttpAddress, HttpServer } from "../http/server.ts";
import { openLog } from "../log/log.ts";
import { watchOpenFiles } from "./open-files.ts";
import { listenForStop } from "./stop-signals.ts";

/**
 * Serves until the first SIGINT or SIGTERM, then completes the requests in flight and exits with code 0. A second signal
 * ends the process at once, which loses nothing that was answered.
 *
 * @param banner printed when the server listens
 * @param drainMilliseconds how long /readyz answers 503 before no more connections are accepted
 * @param close closes the ledger when no more requests come
 * @param onHangUp what SIGHUP asks for, where it is not that of a terminal that was closed; default: a stop
 */
export async function runServer(
  server: HttpServer,
  banner: string,
  drainMilliseconds: number,
  close: () => Promise<void>,
  onHangUp?: () => void,
): Promise<never> {
  // Before the banner: whoever reads the banner may stop the server immediately after it.
  const signals = listenForStop((signal) => {
    console.log(`\n${signal}: completing what was begun (again to end at once) ...`);
  }, onHangUp);
  signals.kill.addEventListener("abort", () => {
    // The exit code that a shell reports for a process that the signal ended.
    process.exit(signals.kill.reason === "SIGINT" ? 130 : 143);
  });
  watchOpenFiles(openLog("razonete", "people").warn);
  console.log(banner);
  await once(signals.stop, "abort");
  server.drain();
  await Bun.sleep(drainMilliseconds);
  await server.stop();
  await close();
  console.log("Stopped. Everything that was answered is kept.");
  process.exit(0);
}

/** Who can reach the server. */
export function reachOf({ onlyThisMachine }: HttpServer, address: HttpAddress): Reach {
  const host =
    "socket" in address ? address.socket : `${address.host}, comes from ${address.hostFrom ?? "the caller"}`;
  return { onlyThisMachine, host };
}
