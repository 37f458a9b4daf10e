import type { AccountId } from "../ledger/account.ts";
import type { Cursor } from "./cursor.ts";
import type { EventType } from "./public-event.ts";

/** Events as the HTTP server gives them to clients. */

export interface EventFilter {
  /** `null`: of every account. */
  readonly account: AccountId | null;
  /** `null`: of every type. */
  readonly types: ReadonlySet<EventType> | null;
  /** Of the accounts of the access key; empty for all. */
  readonly beginning: string;
}

/** An event as its reader sees it. */
export interface ShownEvent {
  /** Who gives it gets what comes after this event. */
  readonly cursor: string;
  readonly type: EventType;
  readonly json: string;
}

/** `first`: from the beginning of the journal. `latest`: from its end, as it is now. */
export type After = Cursor | "first" | "latest";

/** The row that was read last is not there any more, or is another one: the reader's past is not this ledger's. */
export interface CursorGone {
  readonly type: "gone";
  readonly shard: number;
}

/** The cursor has another number of shards: it is of another ledger. */
export interface CursorForeign {
  readonly type: "foreign";
}

export type EventPage =
  | { readonly type: "page"; readonly events: readonly ShownEvent[]; readonly next: string }
  | CursorGone
  | CursorForeign;

export interface EventSource {
  /**
   * Up to `count` events. Where there is none, it waits for the first one.
   *
   * @throws LedgerUnavailable
   */
  page(
    filter: EventFilter,
    after: After,
    count: number,
    waitMilliseconds: number,
    signal: AbortSignal,
  ): Promise<EventPage>;
  /**
   * Chunks of text/event-stream, whole events each. It ends where the reader is too slow, or the source is closed.
   *
   * @param onEnd called once when the stream that was returned is over, for whatever reason
   * @throws LedgerUnavailable
   */
  stream(
    filter: EventFilter,
    after: After,
    signal: AbortSignal,
    onEnd?: () => void,
  ): Promise<ReadableStream<Uint8Array> | CursorGone | CursorForeign>;
  /** How many streams are open, and pages waited for. */
  readonly readers: number;
  /** Whether there are as many as may be. */
  readonly isFull: boolean;
  /** How many streams were ended since they read too slowly. */
  readonly readersCut: number;
  /** Ends all streams; their readers may come again. */
  endReaders(): void;
  /** Ends all streams for good. Before the server is stopped, which would wait for them. */
  close(): Promise<void>;
}
