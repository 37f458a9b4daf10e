import { amountText, decimalsOf, ledgerAccount, ledgerUnits, oneLine } from "./names.ts";
import type { Dialect } from "./plain-text.ts";

/** One text that both Ledger and hledger read. */
export function ledgerDialect(): Dialect {
  const units = ledgerUnits();
  return {
    head: "; Made by razonete export.\n\n",
    openingAccount: "Equity:Opening",
    account: ledgerAccount,
    world: (unit) => `World:${unit}`,
    unit: (unit) => {
      const { name, isNew } = units.of(unit);
      // Of a unit without decimals the two do not take the same directive, and need none.
      if (!isNew || decimalsOf(unit) === 0) return "";
      return `commodity ${name}\n    format ${amountText(1000n * 10n ** BigInt(decimalsOf(unit)), unit)} ${name}\n\n`;
    },
    opened: () => "",
    title: (date, transaction) => {
      if (transaction === null) return `${date} * Opening balances\n`;
      const { id, description, reference } = transaction;
      // Behind a semicolon everything is a comment.
      const payee = oneLine(description ?? "").replaceAll(";", ",");
      const head = `${date} * (${id})${payee === "" ? "" : ` ${payee}`}\n`;
      return reference === null ? head : `${head}    ; reference: ${tagValue(reference)}\n`;
    },
    posting: ({ account, amount, unit }) =>
      `    ${account}  ${amountText(amount, unit)} ${units.of(unit).name}\n`,
  };
}

/** A comma ends a tag's value, and what is in brackets may be read as a date. */
function tagValue(text: string): string {
  return text.replaceAll(/[%,[\]]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
