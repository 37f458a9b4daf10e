import type { Command } from "../ledger/command.ts";
import type { Ledger } from "../ledger/ledger.ts";

export type SpanFields = Readonly<Record<string, string | number>>;

/**
 * Where traces go, for whoever has something to tell. Most processes have none: they hold `null`, and write `tracing?.`, so
 * that nothing is spent on what nobody collects.
 *
 * Nothing here waits for a collector, and nothing throws.
 */
export interface Tracing {
  /** A request that was received. `null`: it was not chosen to be traced. */
  request(method: string, route: string, headers: Headers): RequestSpan | null;
  /**
   * What is done for several commands at once. It belongs to the first of them whose request is traced, and is linked with
   * those of the others. `null`: there is none.
   *
   * @param commands of a group of commands its first one
   */
  batch(name: string, commands: readonly (Command | undefined)[], fields: SpanFields): Span | null;
  /** What is done for no request that this process knows. `null`: it was not chosen to be traced. */
  work(name: string, fields: SpanFields): Span | null;
  /** Sends what has ended, for a moment at most. */
  close(): Promise<void>;
}

/** To be ended once, in one of the two ways. */
export interface Span {
  end(fields?: SpanFields): void;
  fail(error: unknown): void;
}

export interface RequestSpan {
  /** The ledger for this request: what it is asked for is known to be of this request. */
  ledger(ledger: Ledger): Ledger;
  end(status: number, requestId: string): void;
}

export interface TraceSettings {
  /** The collector's base address: /v1/traces comes after it. */
  readonly endpoint: string;
  /** How many of those requests are traced of which nobody has decided that yet: 0 to 1. */
  readonly ratio: number;
  /** Whether a request is traced, or not, as its `traceparent` says. */
  readonly followsParent: boolean;
}
