/** What is wrong with what the caller gives is told at once: nothing has been sent then. */

/**
 * JSON has no NaN, and would turn it into `null`, which means "left out": the capture of NaN would be one of all.
 *
 * @throws RangeError, TypeError
 */
export function checkNumbers(value: unknown, path = "the body"): void {
  if (typeof value === "bigint" || (typeof value === "number" && !Number.isSafeInteger(value)))
    throw new RangeError(
      `${path} is ${value}: it must be an integer of type number, within ±(2^53 - 1); amounts are in the unit's smallest part`,
    );
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    const isLost = name === "amount" && (member === undefined || member === null);
    if (isLost) throw new TypeError(`${path}/amount is ${member}: give an integer, or leave the member out`);
    checkNumbers(member, `${path}/${name}`);
  }
}

/** A path of the API, with the ids percent-encoded. */
export function pathOf(parts: TemplateStringsArray, ...ids: readonly string[]): string {
  return String.raw({ raw: parts }, ...ids.map(encoded));
}

/** A path with one or two points for an id would be another route. */
function encoded(id: unknown): string {
  if (typeof id !== "string" || !/^[A-Za-z0-9._:{}-]{1,64}$/.test(id) || /^\.{1,2}$/.test(id))
    throw new TypeError(
      `${typeof id === "string" ? `"${id}"` : String(id)} is no id: ids are texts of 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -`,
    );
  return encodeURIComponent(id);
}

export function checkKey(key: string): string {
  if (typeof key !== "string" || !/^[!-~]{1,255}$/.test(key))
    throw new TypeError(
      "the idempotency key must be a text of 1 to 255 visible ASCII characters, without blanks",
    );
  return key;
}

/** @param name of the setting */
export function checkMilliseconds(name: string, value: number): number {
  if (!(Number.isFinite(value) && value > 0))
    throw new RangeError(`${name} is ${value}: it must be a number of milliseconds over 0`);
  return value;
}

/** The base address, without a slash at its end. Never told in an error, since it may have a password in it. */
export function checkUrl(text: string): string {
  const url = parsed(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new TypeError('the ledger\'s url must be a whole one, such as "http://127.0.0.1:9999"');
  if (url.username !== "" || url.password !== "")
    throw new TypeError(
      "the ledger's url must be without user and password; the access key is a setting of its own",
    );
  if (url.search !== "" || url.hash !== "") throw new TypeError("the ledger's url must be without ? and #");
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

function parsed(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** What cannot stand in a header would be told, with the key, by the error of fetch. */
export function checkAccessKey(key: string): string {
  if (typeof key !== "string" || !/^[!-~]+$/.test(key))
    throw new TypeError(
      "the access key must be a text of visible ASCII characters; look for a line's end in it",
    );
  return key;
}
