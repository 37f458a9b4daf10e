import { locale } from "./words.ts";

/** Amounts are integers in a unit's smallest part. They become text without ever being a fraction. */

/** Of a unit as the API writes it: BRL/2 is BRL with 2 decimals. */
export function partsOf(unit: string): { readonly code: string; readonly decimals: number } {
  const [code = unit, decimals = "0"] = unit.split("/");
  return { code, decimals: Number(decimals) };
}

/** @param amount in the smallest part; texts are those of sums, which may be over 2^53 */
export function money(
  amount: number | string | bigint,
  unit: string | null,
  sign: "minus" | "both" = "minus",
): string {
  const value = BigInt(amount);
  const { decimals } = partsOf(unit ?? "");
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, "0");
  const whole = new Intl.NumberFormat(locale()).format(BigInt(digits.slice(0, digits.length - decimals)));
  const shown = decimals === 0 ? whole : `${whole}${separators().decimal}${digits.slice(-decimals)}`;
  return `${value < 0n ? "\u2212" : sign === "both" && value > 0n ? "+" : ""}${shown}`;
}

/** As {@link money}, with the unit behind it. */
export function moneyOf(amount: number | string | bigint, unit: string): string {
  return `${money(amount, unit)}\u00a0${partsOf(unit).code}`;
}

/**
 * What a person typed, in the smallest part.
 *
 * @returns null where it is no amount of the unit
 */
export function parseMoney(text: string, unit: string | null): number | null {
  const { decimal, group } = separators();
  const { decimals } = partsOf(unit ?? "");
  const plain = text.trim().replaceAll(group, "").replaceAll(/\s/g, "");
  const [whole = "", fraction = "", ...rest] = plain.split(decimal);
  if (rest.length > 0 || !/^\d+$/.test(whole) || !/^\d*$/.test(fraction) || fraction.length > decimals)
    return null;
  const amount = Number(whole + fraction.padEnd(decimals, "0"));
  return Number.isSafeInteger(amount) ? amount : null;
}

/** As a person would type it. */
export function plainMoney(amount: number, unit: string): string {
  return money(amount, unit).replaceAll(separators().group, "").replace("\u2212", "-");
}

/** Few digits, for a chart's axis: 1.2M. */
export function shortMoney(amount: number, unit: string): string {
  const value = amount / 10 ** partsOf(unit).decimals;
  return new Intl.NumberFormat(locale(), { notation: "compact", maximumFractionDigits: 2 }).format(value);
}

function separators(): { readonly decimal: string; readonly group: string } {
  const parts = new Intl.NumberFormat(locale()).formatToParts(1_234_567.5);
  const of = (type: string): string => parts.find((part) => part.type === type)?.value ?? "";
  return { decimal: of("decimal"), group: of("group") };
}
