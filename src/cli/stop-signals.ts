/** What a person at the terminal, or who sends signals, wants of a command that runs until it is told to stop. */
export interface StopSignals {
  /** Stop in order. */
  readonly stop: AbortSignal;
  /** End at once. Aborted only after `stop`; the reason is the name of the signal. */
  readonly kill: AbortSignal;
}

// One Ctrl-C under `npm run` arrives twice, from the terminal and handed on by npm.
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
