import type { EventType } from "./public-event.ts";

/** Events in the form of text/event-stream, as the HTML standard has it. */

const encoder = new TextEncoder();

/** How soon a client comes again that was cut off. At once would only meet the same trouble. */
export const RETRY_CHUNK = encoder.encode("retry: 1000\n\n");

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
