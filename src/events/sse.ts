import type { EventType } from "./public-event.ts";

/** Events in the form of text/event-stream, as the HTML standard has it. */

const encoder = new TextEncoder();

/**
 * What a stream begins with. How soon a client comes again that was cut off: at once would only meet the same trouble. And
 * where the stream begins: who asked for the latest and is cut off before any event comes again from there, and not from
 * what is the latest then.
 */
export function firstChunk(cursor: string | null): Uint8Array {
  return encoder.encode(`retry: 1000\n${cursor === null ? "" : `id: ${cursor}\n`}\n`);
}

/** @param json without a line break, as JSON.stringify makes it */
export function sseOf(cursor: string, type: EventType, json: string): Uint8Array {
  return encoder.encode(`id: ${cursor}\nevent: ${type}\ndata: ${json}\n\n`);
}

/**
 * What is sent where there is no event: a comment, which shows that the connection lives, and with it how far the reader
 * has come. That is no event to a client, but from then on it asks for what comes after it, so that what a filter has
 * passed over is not looked through again.
 */
export function quietChunk(cursor: string | null): Uint8Array {
  return encoder.encode(cursor === null ? ":\n\n" : `:\nid: ${cursor}\n\n`);
}
