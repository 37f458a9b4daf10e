import type { CommandId } from "../ledger/command.ts";

// Random for each process, so that ids of two processes, or of one before and after a restart, never meet.
const processPart = Buffer.from(crypto.getRandomValues(new Uint8Array(9))).toString("base64url");
let requestCount = 0;

/** A new id for a request that brought no key: unique over processes and restarts. */
export function newRequestId(): CommandId {
  requestCount += 1;
  return `req:${processPart}-${requestCount.toString(36)}`;
}
