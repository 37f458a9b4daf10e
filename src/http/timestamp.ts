import type { Micros } from "../ledger/account.ts";

const SECONDS_KEPT = 1000;
/** What was made for whole seconds. A `Date` costs more than all else of a timestamp, and times mostly have few seconds. */
const knownSeconds = new Map<number, string>();

/** RFC 3339 in UTC with six digits of the second, such as 2024-01-17T02:34:41.217753Z. */
export function timestamp(time: Micros): string {
  const micros = time % 1_000_000;
  const second = (time - micros) / 1_000_000;
  let text = knownSeconds.get(second);
  if (text === undefined) {
    if (knownSeconds.size === SECONDS_KEPT) knownSeconds.clear();
    text = new Date(second * 1000).toISOString().slice(0, -4);
    knownSeconds.set(second, text);
  }
  return `${text}${String(1_000_000 + micros).slice(1)}Z`;
}

export const TIMESTAMP_RULE =
  "must be a time of RFC 3339 with up to six digits of the second, such as 2024-01-17T02:34:41.217753Z";

export const RFC_3339 =
  /^(\d{4}-\d\d-\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/**
 * The time that the text says, exact to the microsecond, which `Date` is not. One before 1970 is 1970, and one that no
 * exact number of microseconds says, after 2255, is the last that one does: nothing in a ledger is so old or so new.
 *
 * @returns `null` if the text is no time of RFC 3339
 */
export function parseTimestamp(text: string): Micros | null {
  const match = RFC_3339.exec(text);
  if (match === null) return null;
  const [, date = "", hour, minute, second, fraction = "", sign, offsetHour = "0", offsetMinute = "0"] =
    match;
  const midnight = new Date(`${date}T00:00:00Z`);
  // A day that its month does not have is an invalid date, or another day.
  if (Number.isNaN(midnight.getTime()) || !midnight.toISOString().startsWith(date)) return null;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) return null;
  const offset = (Number(offsetHour) * 60 + Number(offsetMinute)) * (sign === "-" ? -1 : 1);
  const seconds =
    midnight.getTime() / 1000 + (Number(hour) * 60 + Number(minute) - offset) * 60 + Number(second);
  const micros = seconds * 1_000_000 + Number(fraction.padEnd(6, "0"));
  return Math.min(Math.max(micros, 0), Number.MAX_SAFE_INTEGER);
}
