import type { RouteContext, Routes } from "../route.ts";
import { changeAccount, getAccount, listAccounts, openAccount } from "./accounts.ts";
import { postBatch } from "./batches.ts";
import { captureHold, createHold, getHold, listHolds, releaseHold } from "./holds.ts";
import { getBalance, getTotals, listEntries } from "./reading.ts";
import { submitOne } from "./submit.ts";
import { createTransaction, getTransaction, listTransactions, reverseTransaction } from "./transactions.ts";

/** The routes of the product's own API. */
export function v1Routes(context: RouteContext): Routes {
  return {
    "/v1/accounts": {
      POST: (request) => submitOne(context, request, openAccount),
      GET: (request) => listAccounts(context, request),
    },
    "/v1/accounts/:id": {
      GET: (request) => getAccount(context, request),
      PATCH: (request) => submitOne(context, request, changeAccount),
    },
    "/v1/accounts/:id/entries": { GET: (request) => listEntries(context, request) },
    "/v1/accounts/:id/balance": { GET: (request) => getBalance(context, request) },
    "/v1/transactions": {
      POST: (request) => submitOne(context, request, createTransaction),
      GET: (request) => listTransactions(context, request),
    },
    "/v1/transactions/:id": { GET: (request) => getTransaction(context, request) },
    "/v1/transactions/:id/reversal": { POST: (request) => submitOne(context, request, reverseTransaction) },
    "/v1/holds": {
      POST: (request) => submitOne(context, request, createHold),
      GET: (request) => listHolds(context, request),
    },
    "/v1/holds/:id": { GET: (request) => getHold(context, request) },
    "/v1/holds/:id/capture": { POST: (request) => submitOne(context, request, captureHold) },
    "/v1/holds/:id/release": { POST: (request) => submitOne(context, request, releaseHold) },
    "/v1/batches": { POST: (request) => postBatch(context, request) },
    "/v1/ledger": { GET: (request) => getTotals(context, request) },
  };
}
