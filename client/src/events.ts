import type { Connection, ReadOptions } from "./connection.ts";
import { EventReader } from "./event-reader.ts";
import { stopWith } from "./stream-attempt.ts";
import type { EventPage, EventType, StreamedEvent } from "./types.ts";

export interface EventFilter {
  /** Only what touches this account. */
  readonly account?: string | undefined;
  readonly types?: readonly EventType[] | undefined;
  /** A cursor, or `"latest"`: only what comes from now on. Left out: from the first event on. */
  readonly after?: string | undefined;
}

export interface EventQuery extends EventFilter {
  /** How many at most, 1 to 100. */
  readonly limit?: number | undefined;
  /** How many seconds to wait for an event where there is none, 0 to 20. */
  readonly wait?: number | undefined;
}

export interface StreamOptions extends EventFilter {
  /** Ends the stream: the loop over it is done, and nothing is thrown. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Told where to go on from, each time that the next event is asked for, so when the one before is done with; also where
   * the filter passes over many. Waited for.
   */
  readonly onCursor?: ((cursor: string) => void | Promise<void>) | undefined;
  /** Told why a connection ended or could not be had, each time before it is tried again. */
  readonly onLost?: ((detail: string) => void) | undefined;
}

export class Events {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * A page of events, oldest first; the next one is `after` its `next`.
   *
   * @throws CursorGoneError and what every read throws
   */
  list({ types, wait, ...query }: EventQuery = {}, options?: ReadOptions): Promise<EventPage> {
    // The ledger may wait as long before it answers.
    return this.#connection.read(
      "/v1/events",
      { ...query, type: types?.join(","), wait },
      "data",
      options,
      (wait ?? 0) * 1000,
    );
  }

  /**
   * Events as they happen, for `for await`. A connection that is lost, or silent for 40 s, is made again, and goes on
   * after the event that was handed out last: none is missing, and none comes twice. Ends by `break` or by the signal
   * alone. Each loop over it begins anew.
   *
   * @throws CursorGoneError, RefusedError from the loop, where asking again would change nothing
   */
  stream({
    account,
    types,
    after,
    signal,
    onCursor,
    onLost,
  }: StreamOptions = {}): AsyncIterable<StreamedEvent> {
    const connection = this.#connection;
    const query = { account, type: types?.join(","), after };
    return {
      [Symbol.asyncIterator]() {
        const stop = stopWith(signal);
        const reader = new EventReader({
          open: (cursor, ended) => connection.stream("/v1/events", query, cursor, ended),
          onCursor,
          onLost: onLost && ((detail) => onLost(connection.withoutAccessKey(detail))),
        });
        const events = reader.events(stop.signal);
        return {
          async next() {
            const next = await events.next().catch((error: unknown) => {
              stop.end();
              throw error;
            });
            if (next.done) stop.end();
            return next;
          },
          return() {
            // Ends a `next` that waits, which would else be waited for.
            stop.end();
            return events.return();
          },
        };
      },
    };
  }
}
