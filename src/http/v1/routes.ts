import type { Handler, RouteContext, Routes } from "../route.ts";
import { changeAccount, getAccount, listAccounts, openAccount } from "./accounts.ts";
import { postBatch } from "./batches.ts";
import { captureHold, createHold, getHold, listHolds, releaseHold } from "./holds.ts";
import { getBalance, getTotals, listEntries } from "./reading.ts";
import { type Operation, submitOne } from "./submit.ts";
import { createTransaction, getTransaction, listTransactions, reverseTransaction } from "./transactions.ts";

/** The routes of the product's own API, each with what an access key needs for it. */
export function v1Routes(context: RouteContext): Routes {
  const submits = <Body>(operation: Operation<Body>): Handler => {
    return (request, key) => submitOne(context, request, key, operation);
  };
  return {
    "/v1/accounts": {
      POST: { needs: { all: ["accounts:write"] }, handle: submits(openAccount) },
      GET: {
        needs: { all: ["accounts:read"] },
        handle: (request, key) => listAccounts(context, request, key),
      },
    },
    "/v1/accounts/:id": {
      GET: { needs: { all: ["accounts:read"] }, handle: (request, key) => getAccount(context, request, key) },
      PATCH: { needs: { all: ["accounts:write"] }, handle: submits(changeAccount) },
    },
    "/v1/accounts/:id/entries": {
      GET: {
        needs: { all: ["accounts:read"] },
        handle: (request, key) => listEntries(context, request, key),
      },
    },
    "/v1/accounts/:id/balance": {
      GET: { needs: { all: ["accounts:read"] }, handle: (request, key) => getBalance(context, request, key) },
    },
    "/v1/transactions": {
      POST: { needs: { all: ["transactions:write"] }, handle: submits(createTransaction) },
      GET: {
        needs: { all: ["transactions:read"] },
        handle: (request, key) => listTransactions(context, request, key),
      },
    },
    "/v1/transactions/:id": {
      GET: {
        needs: { all: ["transactions:read"] },
        handle: (request, key) => getTransaction(context, request, key),
      },
    },
    "/v1/transactions/:id/reversal": {
      POST: { needs: { all: ["transactions:write"] }, handle: submits(reverseTransaction) },
    },
    "/v1/holds": {
      POST: { needs: { all: ["holds:write"] }, handle: submits(createHold) },
      GET: {
        needs: { all: ["transactions:read"] },
        handle: (request, key) => listHolds(context, request, key),
      },
    },
    "/v1/holds/:id": {
      GET: {
        needs: { all: ["transactions:read"] },
        handle: (request, key) => getHold(context, request, key),
      },
    },
    "/v1/holds/:id/capture": { POST: { needs: { all: ["holds:write"] }, handle: submits(captureHold) } },
    "/v1/holds/:id/release": { POST: { needs: { all: ["holds:write"] }, handle: submits(releaseHold) } },
    // Each of its commands needs its own scope.
    "/v1/batches": {
      POST: {
        needs: { all: [], any: ["transactions:write", "holds:write", "accounts:write"] },
        handle: (request, key) => postBatch(context, request, key),
      },
    },
    "/v1/ledger": {
      GET: {
        needs: { all: ["ledger:read"], everyAccount: true },
        handle: (request) => getTotals(context, request),
      },
    },
  };
}
