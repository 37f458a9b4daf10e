/** Whether a text can be stored and returned unchanged: `min` to `max` code points, without U+0000 and lone surrogates. */
export function isText(value: unknown, min: 0 | 1, max: number): value is string {
  if (typeof value !== "string" || value.length < min || value.length > 2 * max) return false;
  // Only text that is longer in UTF-16 units than allowed needs its code points counted.
  if (value.length > max && codePoints(value) > max) return false;
  return !value.includes("\0") && value.isWellFormed();
}

/** The same for the OpenAPI document, beside the lengths. */
export const TEXT_PATTERN = "^[^\\u0000\\ud800-\\udfff]*$";

export function textRule(min: 0 | 1, max: number): string {
  const length = min === 0 ? `up to ${max}` : `1 to ${max}`;
  return `must be a text of ${length} characters, without U+0000 and lone surrogates`;
}

/** 1 to `max` visible ASCII characters. */
export function isVisibleAscii(text: string, max: number): boolean {
  return text.length <= max && /^[\x21-\x7e]+$/.test(text);
}

/** The first `max` code points of it. */
export function cutText(text: string, max: number): string {
  // As many UTF-16 units are never more code points.
  return text.length <= max ? text : Array.from(text).slice(0, max).join("");
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
