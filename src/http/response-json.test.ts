import { expect, test } from "bun:test";
import { statementJson, transactionJson } from "./response-json.ts";

test.each([
  [0, 0],
  [100_000, -9098],
  [Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER],
])("the handwritten JSON of limit %d and balance %d is what JSON.stringify makes", (creditLimit, balance) => {
  expect(transactionJson({ creditLimit, balance })).toBe(
    JSON.stringify({ limite: creditLimit, saldo: balance }),
  );
});

test("a statement cuts a longer description to 10 characters, and shows a missing one as an empty text", () => {
  const account = {
    id: "1",
    unit: "BRL/2",
    state: "open",
    creditLimit: 5,
    balance: 1,
    held: 0,
    seq: 3,
    time: 1,
    openedAt: 0,
    name: null,
    metadata: {},
  } as const;
  const entries = ["", "ten of it.", "😀".repeat(11), "x".repeat(140)].map((description, index) => ({
    account: "1",
    seq: 4 - index,
    kind: "credit" as const,
    value: 1,
    balance: 1,
    description,
    id: "req:1" as const,
    time: 1,
  }));
  const shown = JSON.parse(statementJson({ account, entries, readAt: 5 }));
  expect(shown.ultimas_transacoes.map(({ descricao }: { descricao: string }) => descricao)).toEqual([
    "",
    "ten of it.",
    "😀".repeat(10),
    "x".repeat(10),
  ]);
});
