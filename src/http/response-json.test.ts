import { expect, test } from "bun:test";
import type { Entry } from "../ledger/entry.ts";
import { nextPage, timestamp, transactionJson } from "./response-json.ts";

const account = { id: "1", seq: 0, time: 0 };

test.each([
  [0, "1970-01-01T00:00:00.000000Z"],
  [1, "1970-01-01T00:00:00.000001Z"],
  [1_705_458_881_217_753, "2024-01-17T02:34:41.217753Z"],
  [1_705_458_881_000_000, "2024-01-17T02:34:41.000000Z"],
  [1_705_458_881_999_999, "2024-01-17T02:34:41.999999Z"],
])("%d µs are %s", (micros, text) => {
  expect(timestamp(micros)).toBe(text);
});

test.each([
  [0, 0],
  [100_000, -9098],
  [Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER],
])("the handwritten JSON of limit %d and balance %d is what JSON.stringify makes", (creditLimit, balance) => {
  expect(transactionJson({ ...account, creditLimit, balance })).toBe(
    JSON.stringify({ limite: creditLimit, saldo: balance }),
  );
});

test("the last page has no next one", () => {
  const entry = (seq: number): Entry => ({
    account: "3",
    seq,
    kind: "credit",
    value: 1,
    balance: 1,
    description: "x",
    id: "req:1",
    time: 1,
  });
  const page = { count: 2, before: null };
  expect(nextPage("3", page, [entry(9), entry(8)])).toBe("/clientes/3/transacoes?quantidade=2&antes_de=8");
  expect(nextPage("3", page, [entry(2), entry(1)])).toBeNull();
  expect(nextPage("3", page, [])).toBeNull();
});

test("the address of the next page is one, whatever the account's id", () => {
  const entry = {
    seq: 9,
    kind: "credit",
    value: 1,
    balance: 1,
    description: "x",
    id: "req:1",
    time: 1,
  } as const;
  const path = nextPage("{a}:b.-_", { count: 1, before: null }, [{ account: "{a}:b.-_", ...entry }]);
  expect(path).toBe("/clientes/%7Ba%7D:b.-_/transacoes?quantidade=1&antes_de=9");
});
