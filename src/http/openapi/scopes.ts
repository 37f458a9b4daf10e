import type { Scope } from "../../access/scope.ts";
import type { OperationId } from "./operations.ts";

/** What a key needs for each operation; `null`: no key. */
export const SCOPES_OF: Readonly<Record<OperationId, readonly Scope[] | null>> = {
  openAccount: ["accounts:write"],
  listAccounts: ["accounts:read"],
  readAccount: ["accounts:read"],
  changeAccount: ["accounts:write"],
  listEntries: ["accounts:read"],
  readBalance: ["accounts:read"],
  createTransaction: ["transactions:write"],
  listTransactions: ["transactions:read"],
  readTransaction: ["transactions:read"],
  reverseTransaction: ["transactions:write"],
  createHold: ["holds:write"],
  listHolds: ["transactions:read"],
  readHold: ["transactions:read"],
  captureHold: ["holds:write"],
  releaseHold: ["holds:write"],
  sendBatch: [],
  readLedger: ["ledger:read"],
  transacionar: ["transactions:write", "world:write"],
  extrato: ["accounts:read"],
  readLiveness: null,
  readReadiness: null,
  readDocument: null,
};
