import { ClientClosedError, ClientOfflineError, ErrorReply } from "@redis/client";
import { messageOf } from "../../errors.ts";

/** What may come of a call of the ledger's functions in Redis, beside an answer. */

/** The call got no answer, or none that stands: it may have been executed or not. */
export class CallLost extends Error {}

/** The function failed, possibly after it had written something: to call it again could apply the same twice. */
export class CallFailed extends Error {}

/** Redis answered that it did not run the function, or the function refused the call: nothing was changed. */
export class CallRefused extends Error {
  /** The first word of the answer, for example EPOCH or LOADING. */
  readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = codeOf(message);
  }
}

// Errors which mean that the function did not run, or refused before its first write.
const REFUSING_CODES = new Set([
  "EPOCH",
  "STALE",
  "EMPTY",
  "LOADING",
  "OOM",
  "MISCONF",
  "BUSY",
  "READONLY",
  "MASTERDOWN",
  "NOREPLICAS",
  "NOPERM",
  // Of a cluster: the node is not the shard's primary, or a majority of the primaries is away.
  "MOVED",
  "ASK",
  "TRYAGAIN",
  "CLUSTERDOWN",
]);

// Errors of a Redis that will soon answer again.
const WAITING_CODES = new Set(["LOADING", "BUSY"]);

/** @param error what the client, or the shard's node, rejected the call with */
export function callError(error: unknown): CallLost | CallFailed | CallRefused {
  const message = messageOf(error);
  if (error instanceof ClientOfflineError || error instanceof ClientClosedError)
    return new CallRefused(message, { cause: error });
  if (!(error instanceof ErrorReply)) return new CallLost(message, { cause: error });
  if (REFUSING_CODES.has(codeOf(message)) || isFunctionGone(message))
    return new CallRefused(message, { cause: error });
  return new CallFailed(message, { cause: error });
}

/** Whether it is an answer of a Redis that works, and not of one that is just starting or busy. */
export function isAnswer(error: unknown): boolean {
  return error instanceof ErrorReply && !WAITING_CODES.has(codeOf(error.message));
}

export function isFunctionGone(message: string): boolean {
  return message.startsWith("ERR Function not found");
}

/** The first word of an error of Redis, for example LOADING. */
function codeOf(message: string): string {
  return message.split(" ", 1)[0] ?? "";
}
