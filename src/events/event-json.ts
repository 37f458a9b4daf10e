import type { PublicEvent } from "./public-event.ts";

/** `{"id", "type", "at", "data"}`, where `data` has the object of `/v1` and its `accounts` as they stand after it. */
export function eventJson(_event: PublicEvent): string {
  throw new Error("not yet");
}

/**
 * The same as a key sees it that is bound to this beginning of account ids: nothing of accounts of somebody else.
 *
 * @returns `null` if it is not for it
 */
export function shownTo(_beginning: string, _event: PublicEvent): string | null {
  throw new Error("not yet");
}
