import { expect } from "bun:test";
import type { RedisLedger } from "../../../src/decide/redis-ledger.ts";
import { LedgerUnavailable } from "../../../src/ledger/ledger.ts";
import { eventually } from "../../support/eventually.ts";
import { credit, submitted } from "../../support/ledger/settling.ts";

/** Waits until it is not ready, for this reason. */
export function notReady(ledger: RedisLedger, reason: RegExp): Promise<void> {
  const state = () => ledger.readiness();
  const says = () => {
    const now = state();
    return !now.ready && reason.test(now.reason);
  };
  return eventually(`it is not ready: ${reason}`, says, state);
}

/** It is not ready, for this reason, and nothing is answered. */
export async function fenced(ledger: RedisLedger, reason: RegExp): Promise<void> {
  await notReady(ledger, reason);
  const answers = [submitted(ledger, credit("1")), ledger.account("1").catch((error: unknown) => error)];
  for (const answer of answers) expect(await answer).toBeInstanceOf(LedgerUnavailable);
  // A comparison that could not ask Redis may have given another reason in between.
  expect(ledger.readiness().ready).toBe(false);
  await notReady(ledger, reason);
}
