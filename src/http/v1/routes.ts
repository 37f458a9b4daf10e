import type { Handler, Routes } from "../route.ts";
import { changeAccount, getAccount, listAccounts, openAccount } from "./accounts.ts";
import { postBatch } from "./batches.ts";
import { EVENTS_NEEDS, getEvents } from "./events.ts";
import { captureHold, createHold, getHold, listHolds, releaseHold } from "./holds.ts";
import { getBalance, getTotals, listEntries } from "./reading.ts";
import { type Operation, submitOne } from "./submit.ts";
import { createTransaction, getTransaction, listTransactions, reverseTransaction } from "./transactions.ts";

function submits<Body>(operation: Operation<Body>): Handler {
  return (context, request, key) => submitOne(context, request, key, operation);
}

/** The routes of the product's own API, each with what an access key needs for it. */
export const V1_ROUTES: Routes = {
  "/v1/accounts": {
    POST: { needs: { all: ["accounts:write"] }, handle: submits(openAccount) },
    GET: { needs: { all: ["accounts:read"] }, handle: listAccounts },
  },
  "/v1/accounts/:id": {
    GET: { needs: { all: ["accounts:read"] }, handle: getAccount },
    PATCH: { needs: { all: ["accounts:write"] }, handle: submits(changeAccount) },
  },
  "/v1/accounts/:id/entries": {
    GET: { needs: { all: ["accounts:read"] }, handle: listEntries },
  },
  "/v1/accounts/:id/balance": {
    GET: { needs: { all: ["accounts:read"] }, handle: getBalance },
  },
  "/v1/transactions": {
    POST: { needs: { all: ["transactions:write"] }, handle: submits(createTransaction) },
    GET: { needs: { all: ["transactions:read"] }, handle: listTransactions },
  },
  "/v1/transactions/:id": {
    GET: { needs: { all: ["transactions:read"] }, handle: getTransaction },
  },
  "/v1/transactions/:id/reversal": {
    POST: { needs: { all: ["transactions:write"] }, handle: submits(reverseTransaction) },
  },
  "/v1/holds": {
    POST: { needs: { all: ["holds:write"] }, handle: submits(createHold) },
    GET: { needs: { all: ["transactions:read"] }, handle: listHolds },
  },
  "/v1/holds/:id": {
    GET: { needs: { all: ["transactions:read"] }, handle: getHold },
  },
  "/v1/holds/:id/capture": { POST: { needs: { all: ["holds:write"] }, handle: submits(captureHold) } },
  "/v1/holds/:id/release": { POST: { needs: { all: ["holds:write"] }, handle: submits(releaseHold) } },
  // Each of its commands needs its own scope.
  "/v1/batches": {
    POST: {
      needs: { all: [], any: ["transactions:write", "holds:write", "accounts:write"] },
      handle: postBatch,
    },
  },
  "/v1/events": {
    GET: { needs: EVENTS_NEEDS, handle: getEvents },
  },
  "/v1/ledger": {
    GET: { needs: { all: ["ledger:read"], everyAccount: true }, handle: getTotals },
  },
};
