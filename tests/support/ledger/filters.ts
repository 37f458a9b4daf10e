import type { AccountFilter, HoldFilter, TransactionFilter } from "../../../src/ledger/ledger.ts";

/** Filters of lists that take everything, for tests to change. */

export const ALL_ACCOUNTS: AccountFilter = {
  idBeginning: "",
  unit: null,
  state: null,
  name: null,
  metadata: {},
  balanceLessThan: null,
  balanceGreaterThan: null,
  order: "id",
};
export const ALL_TRANSACTIONS: TransactionFilter = {
  idBeginning: "",
  reference: null,
  account: null,
  fromTime: null,
  beforeTime: null,
};
export const ALL_HOLDS: HoldFilter = { idBeginning: "", account: null, state: null };
