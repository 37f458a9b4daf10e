import { jsonIn, lost, told } from "./attempt.ts";
import { EventStreamParser, type StreamEvent } from "./event-stream.ts";
import type { StreamedEvent } from "./types.ts";
import { refusedError } from "./outcome.ts";
import { slept } from "./send.ts";
import { type Opened, stopWith, within } from "./stream-attempt.ts";

/** The first pause is this long, each further one twice as long, up to the longest; by chance up to twice that. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2500;
/** The ledger sends a comment each 15 s where it has no event. */
const SILENCE_MS = 40_000;

export interface EventReaderOptions {
  /** Asks for what comes after this cursor; without one from where the reading begins. */
  readonly open: (cursor: string | undefined, signal: AbortSignal) => Promise<Opened>;
  readonly onCursor?: ((cursor: string) => void | Promise<void>) | undefined;
  readonly onLost?: ((detail: string) => void) | undefined;
  /** How long no byte may come. */
  readonly silenceMs?: number | undefined;
}

/**
 * Reads events from one connection after the other. Each connection begins after the event that was handed out last, so
 * that none is missing and none comes twice. Reads no further while the caller is at work on one.
 */
export class EventReader {
  readonly #options: EventReaderOptions;
  readonly #silenceMs: number;
  /** Of all that was handed out, or that the ledger passed over. */
  #cursor: string | undefined;
  #retryMs = 0;

  constructor(options: EventReaderOptions) {
    this.#options = options;
    this.#silenceMs = options.silenceMs ?? SILENCE_MS;
  }

  /**
   * Until the signal is aborted.
   *
   * @throws RefusedError where asking again would change nothing; what `onCursor` and `onLost` throw
   */
  async *events(signal: AbortSignal): AsyncGenerator<StreamedEvent, void, undefined> {
    let pause = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      const begun = { at: performance.now(), cursor: this.#cursor };
      const stop = stopWith(signal);
      let end: Exclude<Opened, { readonly type: "open" }>;
      try {
        const opened = await this.#options.open(this.#cursor, stop.signal);
        end = opened.type === "open" ? lost(yield* this.#follow(opened.body, stop.signal)) : opened;
      } finally {
        stop.end();
      }
      if (signal.aborted) return;
      if (end.type === "refused") throw refusedError(end.problem, "");
      this.#options.onLost?.(end.detail);
      // A server that takes each connection and ends it at once is not asked ever faster.
      const wasGood = this.#cursor !== begun.cursor || performance.now() - begun.at > LONGEST_PAUSE_MS;
      if (wasGood) pause = FIRST_PAUSE_MS;
      await slept(Math.max(pause, this.#retryMs, end.waitMs) * (1 + Math.random()), signal);
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    }
  }

  /** @returns why the connection ended, for people */
  async *#follow(
    body: ReadableStream<Uint8Array>,
    signal: AbortSignal,
  ): AsyncGenerator<StreamedEvent, string, undefined> {
    const parser = new EventStreamParser();
    const reader = body.getReader();
    try {
      for (;;) {
        const read = await within(nextBytes(reader), this.#silenceMs, signal);
        if (read === null) return `nothing came for ${this.#silenceMs} ms`;
        if (typeof read === "string") return read;
        for (const event of parser.push(read)) {
          const streamed = streamedEvent(event);
          if (streamed === null) return "what came is not the ledger's";
          yield streamed;
          await this.#moveTo(streamed.cursor);
          if (signal.aborted) return "it was aborted";
        }
        this.#retryMs = Math.min(parser.retryMs ?? 0, LONGEST_PAUSE_MS);
        if (isCursor(parser.lastId)) await this.#moveTo(parser.lastId);
      }
    } finally {
      // Not waited for: a connection that is dead may not end, either.
      reader.cancel().catch(() => {});
    }
  }

  async #moveTo(cursor: string): Promise<void> {
    if (cursor === this.#cursor) return;
    this.#cursor = cursor;
    await this.#options.onCursor?.(cursor);
  }
}

/** What all runtimes' readers of a body have. */
interface ByteReader {
  read(): Promise<{ readonly value?: Uint8Array | undefined }>;
}

/** @returns a text where there are no more, which says why */
async function nextBytes(reader: ByteReader): Promise<Uint8Array | string> {
  try {
    const { value } = await reader.read();
    return value ?? "the stream was ended";
  } catch (error) {
    return `the connection was lost (${told(error)})`;
  }
}

function streamedEvent({ id, data }: StreamEvent): StreamedEvent | null {
  const json = Object(jsonIn(data));
  const isOne = isCursor(id) && typeof json.id === "string" && typeof json.type === "string";
  return isOne ? { ...json, cursor: id } : null;
}

/** It has to stand in a header. */
function isCursor(id: string): boolean {
  return /^[!-~]+$/.test(id);
}
