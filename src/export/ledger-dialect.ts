import { amountText, decimalsOf, ledgerAccount, ledgerUnits, oneLine } from "./names.ts";
import type { Dialect } from "./plain-text.ts";

/** One text that both Ledger and hledger read. */
export function ledgerDialect(): Dialect {
  const units = ledgerUnits();
  return {
    // What is used is declared, for hledger check --strict.
    head: "; Made by razonete export.\n\naccount Equity:Opening\n\n",
    openingAccount: "Equity:Opening",
    account: ledgerAccount,
    world: (unit) => `World:${unit}`,
    unit: (unit) => {
      const { name, isNew } = units.of(unit);
      if (!isNew) return "";
      const declared = `account World:${unit}\n\ncommodity ${name}\n`;
      // Of a unit without decimals the two do not take the same format, and need none.
      if (decimalsOf(unit) === 0) return `${declared}\n`;
      return `${declared}    format ${amountText(1000n * 10n ** BigInt(decimalsOf(unit)), unit)} ${name}\n\n`;
    },
    opened: ({ account }) => `account ${ledgerAccount(account)}\n\n`,
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
