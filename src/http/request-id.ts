import type { CommandId } from "../ledger/command.ts";

// Random for each process, so that two processes, or one before and after a restart, never make the same id.
const processPart = Buffer.from(crypto.getRandomValues(new Uint8Array(9))).toString("base64url");
let requestCount = 0;

/** A new id for a request that came without a key: unique across processes and restarts. */
export function newRequestId(): CommandId {
  requestCount += 1;
  return `req:${processPart}-${requestCount.toString(36)}`;
}
