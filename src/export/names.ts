import type { AccountId } from "../ledger/account.ts";

/** Accounts, units and amounts as programs for plain text accounting have them. */

/** Each id has one of its own. */
export function ledgerAccount(id: AccountId): string {
  return `Accounts:${id.replaceAll(/[:{}]/g, (character) => `%${hex(character).toUpperCase()}`)}`;
}

/** A component of a name begins with a capital, and has letters, digits and dashes. Each id has one of its own. */
export function beancountAccount(id: AccountId): string {
  return `Assets:Razonete:A${id.replaceAll(/[^A-Za-z0-9]/g, (character) => `-${hex(character)}`)}`;
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(2, "0");
}

/** How many of the digits of an amount are decimals. */
export function decimalsOf(unit: string): number {
  return Number(unit.split("/")[1] ?? 0);
}

/** Such as -12.50 for -1250 in BRL/2: the digits stay, whatever their number. */
export function amountText(amount: number | bigint, unit: string): string {
  const decimals = decimalsOf(unit);
  const sign = amount < 0 ? "-" : "";
  const digits = String(amount)
    .replace("-", "")
    .padStart(decimals + 1, "0");
  if (decimals === 0) return sign + digits;
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** The name of each unit in a file. Two units may differ in their decimals alone: the one that comes later keeps them. */
export class UnitNames {
  readonly #names = new Map<string, string>();
  readonly #taken = new Set<string>();
  readonly #plain: (name: string) => string | null;
  readonly #whole: (unit: string) => string;

  /**
   * @param plain the name of a unit without its decimals as the file may have it; `null`: it may not
   * @param whole one that only this unit has
   */
  constructor(plain: (name: string) => string | null, whole: (unit: string) => string) {
    this.#plain = plain;
    this.#whole = whole;
  }

  /** @returns its name, and whether it is new */
  of(unit: string): { readonly name: string; readonly isNew: boolean } {
    const known = this.#names.get(unit);
    if (known !== undefined) return { name: known, isNew: false };
    const plain = this.#plain(unit.split("/")[0] ?? unit);
    const name = plain === null || this.#taken.has(plain) ? this.#whole(unit) : plain;
    this.#names.set(unit, name);
    this.#taken.add(name);
    return { name, isNew: true };
  }
}

/** In quotes where it has more than letters. */
export function ledgerUnits(): UnitNames {
  return new UnitNames(
    (name) => (/^[A-Z]+$/.test(name) ? name : `"${name}"`),
    (unit) => (unit.includes("/") ? `"${unit}"` : `"${unit}/N"`),
  );
}

/** What Beancount reads as something else. */
const BEANCOUNT_WORDS = new Set(["TRUE", "FALSE", "NULL"]);

/** At least two characters, of which the last is a letter or a digit. No unit has a dash. */
export function beancountUnits(): UnitNames {
  return new UnitNames(
    (name) => (/^[A-Z][A-Z0-9_]*[A-Z0-9]$/.test(name) && !BEANCOUNT_WORDS.has(name) ? name : null),
    (unit) => {
      const [name = unit, decimals = "N"] = unit.split("/");
      return `U-${name}-${decimals}`;
    },
  );
}

/** On one line, without what ends one or is no character of a text. */
export function oneLine(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")
    .replaceAll(/ {2,}/g, " ")
    .trim();
}
