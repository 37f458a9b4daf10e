/** Requests to stop a long-running command, from the terminal or by signals. */
export interface StopSignals {
  /** Stop in an orderly way. */
  readonly stop: AbortSignal;
  /** End at once. Aborted only after `stop`; the abort reason is the name of the signal. */
  readonly kill: AbortSignal;
}

// Under `npm run` one Ctrl-C arrives twice: from the terminal, and forwarded by npm.
const SAME_PRESS_MILLISECONDS = 250;

/** From now on the first SIGINT, SIGTERM or SIGHUP aborts `stop`, and a later one `kill`; none ends the process. */
export function listenForStop(onStop: (signal: NodeJS.Signals) => void): StopSignals {
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
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  return { stop: stop.signal, kill: kill.signal };
}
