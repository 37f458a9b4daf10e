/**
 * Only a number with a point, or with a minus in its exponent, can be rounded to an integer that is a safe one; and -0 is 0. Texts may
 * look like one; ids hardly do, since they begin with a quotation mark.
 */
const POINT_OR_MINUS = /(?:^|[\s:,[])(?:-0|-?\d+(?:\.|[eE]-))/;

/**
 * JSON.parse, except that a number whose digits are no integer never becomes one by rounding, as 0.99999999999999999999
 * and 9007199254740990.6 would: it becomes NaN. `10.0` and `1e3` are the integers that they say, and `-0` is 0.
 *
 * @throws SyntaxError if the text is no JSON
 */
export function parseJson(text: string): unknown {
  // The quick look is enough for most.
  const mayRound = text.includes(".") || text.includes("-");
  return mayRound && POINT_OR_MINUS.test(text) ? JSON.parse(text, withoutRounding) : JSON.parse(text);
}

function withoutRounding(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (!Number.isInteger(value) || context?.source === undefined) return value;
  return isIntegerAsWritten(context.source) ? Number(value) + 0 : Number.NaN;
}

function isIntegerAsWritten(source: string): boolean {
  const parts = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source);
  const [, whole = "", fraction = "", exponent = "0"] = parts ?? [];
  const digits = whole + fraction;
  let significant = digits.length;
  while (significant > 0 && digits[significant - 1] === "0") significant -= 1;
  // How many of the significant digits are behind the point, once the exponent has moved it.
  return significant === 0 || significant - whole.length - Number(exponent) <= 0;
}
