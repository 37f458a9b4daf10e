import { bounds } from "../bounds.ts";
import type { Connection, KernelSockets } from "./kernel-sockets.ts";

/**
 * Keeps connections under a bound, so that whoever opens many of them keeps nobody out. Where there are too many, the
 * address that has the most loses those that were silent for the longest time, until another one has as many.
 *
 * Bun itself ends a connection whose request's head takes longer than some 10 s, or that is idle for long; but it takes
 * as many as files may be open, and at that limit nobody else is let in.
 *
 * @param max connections at once
 * @param say called once when connections are ended, and not again for a minute
 */
export function boundConnections(
  sockets: KernelSockets,
  port: number,
  max: number,
  say: (line: string) => void,
): void {
  let saidAt = -Infinity;
  const look = (): void => {
    // Without connections there are some 20 open files. To count those is cheap, to look at each is not.
    if (sockets.openFiles() <= max) return;
    const connections = sockets.connections(port);
    const ended = excessOf(connections, Math.floor(max * (1 - MARGIN)));
    if (connections.length <= max) return;
    for (const connection of ended) sockets.end(connection);
    if (performance.now() - saidAt < SAY_EVERY_MILLISECONDS) return;
    saidAt = performance.now();
    say(
      `more than ${max} connections are open: those of the addresses with the most are closed, the longest silent ` +
        "first; raise the limit of open files (ulimit -n) if these are clients of yours.",
    );
  };
  setInterval(look, bounds.connections_look_milliseconds).unref();
}

/** A tenth below the bound, so that not every look has to end some. */
const MARGIN = 0.1;
const SAY_EVERY_MILLISECONDS = 60_000;

/** Which to end so that `keep` are left. */
export function excessOf(connections: readonly Connection[], keep: number): Connection[] {
  const byAddress = [...Map.groupBy(connections, ({ address }) => address).values()];
  const excess = connections.length - keep;
  if (excess <= 0) return [];
  const share = fairShare(
    byAddress.map(({ length }) => length),
    keep,
  );
  return byAddress
    .flatMap((own) =>
      own
        .toSorted((one, other) => other.silentMilliseconds - one.silentMilliseconds)
        .slice(0, Math.max(0, own.length - share)),
    )
    .slice(0, excess);
}

/** The most that each may have, so that all together have at most `keep`. */
function fairShare(counts: readonly number[], keep: number): number {
  let left = keep;
  const ascending = counts.toSorted((one, other) => one - other);
  for (const [index, count] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - index));
    if (count > share) return share;
    left -= count;
  }
  return Infinity;
}
