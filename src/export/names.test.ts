import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  amountText,
  beancountAccount,
  beancountUnits,
  decimalsOf,
  ledgerAccount,
  ledgerUnits,
  oneLine,
} from "./names.ts";

const id = fc.stringMatching(/^[A-Za-z0-9._:{}-]{1,64}$/);
const unit = fc.stringMatching(/^[A-Z][A-Z0-9_]{0,15}(\/[0-9]{1,2})?$/);

test("an account's name in a file is read back, so no two ids have the same", () => {
  fc.assert(
    fc.property(id, (account) => {
      const inLedger = ledgerAccount(account);
      expect(inLedger).toMatch(/^Accounts:[A-Za-z0-9._%-]+$/);
      expect(decodeURIComponent(inLedger.slice("Accounts:".length))).toBe(account);
      const inBeancount = beancountAccount(account);
      expect(inBeancount).toMatch(/^Assets:Razonete:A[A-Za-z0-9-]*$/);
      const read = inBeancount
        .slice("Assets:Razonete:A".length)
        .replaceAll(/-([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
      expect(read).toBe(account);
    }),
  );
});

test("units have names that differ, and that the programs take, in whatever order they come", () => {
  fc.assert(
    fc.property(fc.uniqueArray(unit, { maxLength: 30 }), (units) => {
      for (const [names, form] of [
        [ledgerUnits(), /^([A-Z]+|"[^"]+")$/],
        [beancountUnits(), /^[A-Z][A-Z0-9'._-]{0,22}[A-Z0-9]$/],
      ] as const) {
        const found = units.map((each) => names.of(each).name);
        // Quotes are no part of a name.
        expect(new Set(found.map((name) => name.replaceAll('"', ""))).size).toBe(units.length);
        for (const name of found) expect(name).toMatch(form);
        expect(units.map((each) => names.of(each))).toEqual(found.map((name) => ({ name, isNew: false })));
      }
    }),
  );
});

test("the names that two units would share, and those that Beancount reads as something else", () => {
  const ledger = ledgerUnits();
  expect(["BRL/2", "BRL/3", "BRL", "X_/1"].map((each) => ledger.of(each).name)).toEqual([
    "BRL",
    '"BRL/3"',
    '"BRL/N"',
    '"X_"',
  ]);
  const beancount = beancountUnits();
  expect(
    ["BRL/2", "BRL/3", "BRL", "X_/1", "X", "TRUE/2", "NULL"].map((each) => beancount.of(each).name),
  ).toEqual(["BRL", "U-BRL-3", "U-BRL-N", "U-X_-1", "U-X-N", "U-TRUE-2", "U-NULL-N"]);
});

test("an amount has all of its digits, and as many decimals as its unit", () => {
  expect(amountText(-1250, "BRL/2")).toBe("-12.50");
  expect(amountText(5, "BRL/2")).toBe("0.05");
  expect(amountText(-5, "WEI/18")).toBe("-0.000000000000000005");
  expect(amountText(Number.MAX_SAFE_INTEGER, "JPY")).toBe("9007199254740991");
  fc.assert(
    fc.property(fc.maxSafeInteger(), unit, (amount, of) => {
      const text = amountText(amount, of);
      const [, fraction = ""] = text.split(".");
      expect(fraction.length).toBe(decimalsOf(of));
      expect(text).toMatch(/^-?(0|[1-9]\d*)(\.\d+)?$/);
      expect(BigInt(text.replace(".", ""))).toBe(BigInt(amount));
    }),
  );
});

test("a text is one line", () => {
  expect(oneLine(" a\r\n\tb\u2028\u0085c\u0000  d ")).toBe("a b c d");
});
