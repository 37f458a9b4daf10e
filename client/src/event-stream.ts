/** Server-sent events, read from the bytes of a `text/event-stream` as the HTML standard says. */

export interface StreamEvent {
  /** The latest id that the stream gave, with this event or before it. Empty: none yet. */
  readonly id: string;
  readonly type: string;
  readonly data: string;
}

/**
 * The events of a stream, each as soon as its last byte is there. Reads on only when it is asked for the next one. What
 * was cut off at the end is dropped. Whoever is done before the stream is closes it by `return()`; a read that is under
 * way is waited for, so abort the request itself to be done at once.
 *
 * @throws what reading the body throws
 */
export async function* eventsIn(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<StreamEvent, void, undefined> {
  const parser = new EventStreamParser();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(value);
    }
  } finally {
    // After an error of the stream this rejects with the same one, which is on its way to the caller already.
    await reader.cancel().catch(() => {});
  }
}

/** Takes the bytes as they come, however they are cut. */
export class EventStreamParser {
  readonly #decoder = new TextDecoder();
  /** What is there of a line whose end is not. */
  #line = "";
  /** A line was ended by a CR: an LF that comes next belongs to it. */
  #isAfterCr = false;
  #data: string[] = [];
  #type = "";
  #id = "";
  #lastId = "";
  #retryMs: number | null = null;

  /** The id that the stream is to be resumed after. A block without data gives one, too. */
  get lastId(): string {
    return this.#lastId;
  }

  /** How long the server wants a client to wait before it comes again. */
  get retryMs(): number | null {
    return this.#retryMs;
  }

  /** @returns the events that these bytes complete */
  push(bytes: Uint8Array): StreamEvent[] {
    const events: StreamEvent[] = [];
    const text = this.#decoder.decode(bytes, { stream: true });
    // A CR ends its line at once: waiting for what comes after it would hold the event back.
    let from = this.#isAfterCr && text.startsWith("\n") ? 1 : 0;
    if (text !== "") this.#isAfterCr = text.endsWith("\r");
    for (const { 0: end, index } of text.matchAll(/\r\n|\n|\r/g)) {
      if (index < from) continue;
      this.#endLine(this.#line + text.slice(from, index), events);
      this.#line = "";
      from = index + end.length;
    }
    this.#line += text.slice(from);
    return events;
  }

  #endLine(line: string, events: StreamEvent[]): void {
    if (line === "") {
      this.#endBlock(events);
      return;
    }
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line.startsWith(" ", colon + 1) ? colon + 2 : colon + 1);
    switch (name) {
      case "data":
        this.#data.push(value);
        break;
      case "event":
        this.#type = value;
        break;
      case "id":
        if (!value.includes("\0")) this.#id = value;
        break;
      case "retry":
        if (/^[0-9]+$/.test(value)) this.#retryMs = Number(value);
        break;
      default:
        // A comment, whose name is empty, or what a later standard has.
        break;
    }
  }

  #endBlock(events: StreamEvent[]): void {
    this.#lastId = this.#id;
    // Without any data there is no event.
    if (this.#data.length > 0)
      events.push({ id: this.#id, type: this.#type || "message", data: this.#data.join("\n") });
    this.#data = [];
    this.#type = "";
  }
}
