/** An answer of a target, as far as it is read. */
export interface Answer {
  readonly status: number;
  /** In milliseconds from now. */
  readonly retryAfter: number | null;
  /** `ended`: another request may follow on its connection. `endless`: none may. */
  readonly body: "ended" | "more" | "endless";
}

type Body = Answer["body"];

/**
 * The answer to a POST. What is unusual about where its body ends makes the connection unusable, since the next answer
 * would be read from a wrong place.
 *
 * @param text all that came since the request was sent, as Latin-1
 * @returns `null`: its head is not whole yet, or it is none. Interim answers (1xx) are passed over
 */
export function parseAnswer(text: string): Answer | null {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const [line = "", ...fields] = text.slice(0, end).split("\r\n");
  const [, version, code] = /^HTTP\/(1\.[01]) (\d{3})(?: |$)/.exec(line) ?? [];
  if (code === undefined) return null;
  const status = Number(code);
  const rest = text.slice(end + 4);
  // What follows 101 is another protocol, which nobody asked for.
  if (status < 200 && status !== 101) return parseAnswer(rest);
  const valuesOf = (name: string): string[] =>
    fields
      .filter((field) => field.toLowerCase().startsWith(`${name}:`))
      .map((field) => field.slice(name.length + 1).trim());
  const [wait] = valuesOf("retry-after");
  const isLast =
    version === "1.0" || status < 200 || valuesOf("connection").some((value) => /\bclose\b/i.test(value));
  return {
    status,
    retryAfter: wait === undefined ? null : waitOf(wait),
    body: isLast
      ? "endless"
      : bodyOf(status, valuesOf("transfer-encoding"), valuesOf("content-length"), rest),
  };
}

function bodyOf(
  status: number,
  encodings: readonly string[],
  lengths: readonly string[],
  text: string,
): Body {
  if (status === 204 || status === 304) return ofLength(0, text);
  const [encoding] = encodings;
  const [length = ""] = lengths;
  if (encodings.length + lengths.length !== 1) return "endless";
  if (encoding !== undefined) return encoding.toLowerCase() === "chunked" ? chunked(text) : "endless";
  return /^\d{1,9}$/.test(length) ? ofLength(Number(length), text) : "endless";
}

/** What comes behind the end was asked for by nobody. */
function ofLength(length: number, text: string): Body {
  if (text.length > length) return "endless";
  return text.length === length ? "ended" : "more";
}

/** Fields behind the last chunk are rare, and not understood. */
function chunked(text: string): Body {
  let at = 0;
  for (;;) {
    const end = text.indexOf("\r\n", at);
    if (end < 0) return "more";
    const [, digits] = /^([\da-f]{1,6})[ \t]*(?:;.*)?$/i.exec(text.slice(at, end)) ?? [];
    if (digits === undefined) return "endless";
    const size = Number.parseInt(digits, 16);
    const next = end + 2 + size + 2;
    const isLineEnd = "\r\n".startsWith(text.slice(next - 2, next));
    if (!isLineEnd) return "endless";
    if (size === 0) return ofLength(next, text);
    if (text.length < next) return "more";
    at = next;
  }
}

/** Seconds, or a date. */
function waitOf(text: string): number | null {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}
