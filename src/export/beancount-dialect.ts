import { timestamp } from "../http/timestamp.ts";
import { amountText, beancountAccount, beancountUnits, oneLine } from "./names.ts";
import { type Dialect, dateOf } from "./plain-text.ts";

const WORLD_ACCOUNT = "Equity:World";
const OPENING_ACCOUNT = "Equity:Opening";

/** The text that Beancount reads. */
export function beancountDialect(): Dialect {
  const units = beancountUnits();
  return {
    head:
      "; Made by razonete export.\n\n" +
      `1970-01-01 open ${WORLD_ACCOUNT}\n1970-01-01 open ${OPENING_ACCOUNT}\n\n`,
    openingAccount: OPENING_ACCOUNT,
    account: beancountAccount,
    world: () => WORLD_ACCOUNT,
    unit: (unit) => {
      // Named in the order in which accounts were opened, though nothing is said of it here.
      units.of(unit);
      return "";
    },
    opened: ({ account, time, unit, name }) => {
      const head = `${dateOf(time)} open ${beancountAccount(account)} ${units.of(unit).name}\n`;
      const named = name === null ? "" : `  name: ${quoted(name)}\n`;
      return `${head}  id: ${quoted(account)}\n  unit: ${quoted(unit)}\n${named}\n`;
    },
    title: (date, transaction) => {
      if (transaction === null) return `${date} * "Opening balances"\n`;
      const { id, time, description, reference } = transaction;
      const head = `${date} * ${quoted(description ?? "")}\n  id: ${quoted(id)}\n  time: ${quoted(timestamp(time))}\n`;
      return reference === null ? head : `${head}  reference: ${quoted(reference)}\n`;
    },
    posting: ({ account, amount, unit }) =>
      `  ${account}  ${amountText(amount, unit)} ${units.of(unit).name}\n`,
  };
}

function quoted(text: string): string {
  return `"${oneLine(text).replaceAll(/["\\]/g, "\\$&")}"`;
}
