import type { Needs } from "../../access/required-scopes.ts";
import type { Handler, Routes } from "../route.ts";
import { changeAccount, getAccount, listAccounts, openAccount } from "./accounts.ts";
import { postBatch } from "./batches.ts";
import { EVENTS_NEEDS, getEvents } from "./events.ts";
import { captureHold, createHold, getHold, listHolds, releaseHold } from "./holds.ts";
import { getKey } from "./key.ts";
import { getBalance, getTotals, listEntries } from "./reading.ts";
import { type Operation, submitOne } from "./submit.ts";
import { createWatch, deleteWatch, getWatch, listCrossings, listWatches } from "./watches.ts";
import {
  changeWebhook,
  createWebhook,
  deleteWebhook,
  getWebhook,
  listDeliveries,
  listWebhooks,
  replayWebhook,
  rotateSecret,
} from "./webhooks.ts";
import { createTransaction, getTransaction, listTransactions, reverseTransaction } from "./transactions.ts";

function submits<Body>(operation: Operation<Body>): Handler {
  return (context, request, key) => submitOne(context, request, key, operation);
}

/** They tell of accounts and what happens to them, and are sent wherever who makes one says. */
const HOOKS: Needs = { all: ["events:read", "webhooks:write"] };

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
  "/v1/webhooks": {
    POST: { needs: HOOKS, handle: createWebhook },
    GET: { needs: HOOKS, handle: listWebhooks },
  },
  "/v1/webhooks/:id": {
    GET: { needs: HOOKS, handle: getWebhook },
    PATCH: { needs: HOOKS, handle: changeWebhook },
    DELETE: { needs: HOOKS, handle: deleteWebhook },
  },
  "/v1/webhooks/:id/secret": { POST: { needs: HOOKS, handle: rotateSecret } },
  "/v1/webhooks/:id/replay": { POST: { needs: HOOKS, handle: replayWebhook } },
  "/v1/webhooks/:id/deliveries": { GET: { needs: HOOKS, handle: listDeliveries } },
  "/v1/watches": {
    POST: { needs: HOOKS, handle: createWatch },
    GET: { needs: HOOKS, handle: listWatches },
  },
  "/v1/watches/:id": {
    GET: { needs: HOOKS, handle: getWatch },
    DELETE: { needs: HOOKS, handle: deleteWatch },
  },
  "/v1/watches/:id/crossings": { GET: { needs: HOOKS, handle: listCrossings } },
  "/v1/events": {
    GET: { needs: EVENTS_NEEDS, handle: getEvents },
  },
  "/v1/ledger": {
    GET: { needs: { all: ["ledger:read"], everyAccount: true }, handle: getTotals },
  },
  // Any key may ask what it is for.
  "/v1/key": {
    GET: { needs: { all: [] }, handle: getKey },
  },
};
