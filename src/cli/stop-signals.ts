import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";

/** Requests to stop a long-running command, from the terminal or by signals. */
export interface StopSignals {
  /** Stop in an orderly way. */
  readonly stop: AbortSignal;
  /** End at once. Aborted only after `stop`; the abort reason is the name of the signal. */
  readonly kill: AbortSignal;
}

// Under `npm run` one Ctrl-C arrives twice: from the terminal, and forwarded by npm.
const SAME_PRESS_MILLISECONDS = 250;

/**
 * From now on the first SIGINT, SIGTERM or SIGHUP aborts `stop`, and a later one `kill`; none ends the process. A SIGHUP
 * that was ignored when the process was started stays so: nohup asks for that.
 *
 * @param onHangUp in place of a stop, called for each SIGHUP of a process without a terminal: there it is a request to
 * read files again, as other servers have it
 */
export function listenForStop(onStop: (signal: NodeJS.Signals) => void, onHangUp?: () => void): StopSignals {
  const stop = new AbortController();
  const kill = new AbortController();
  let first: number | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (first === null) {
      first = performance.now();
      onStop(signal);
      stop.abort();
    } else if (performance.now() - first > SAME_PRESS_MILLISECONDS) {
      kill.abort(signal);
    }
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, onSignal);
  const hasTerminal = process.stdin.isTTY || process.stdout.isTTY;
  if (onHangUp !== undefined && !hasTerminal) process.on("SIGHUP", onHangUp);
  else if (!isIgnored("SIGHUP")) process.on("SIGHUP", onSignal);
  return { stop: stop.signal, kill: kill.signal };
}

/** Whether this process ignores the signal. Only Linux tells; elsewhere false. */
function isIgnored(signal: "SIGHUP"): boolean {
  if (!existsSync("/proc/self/status")) return false;
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return ((BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}
