import { beside } from "./beside.ts";
import type { ConsoleStatus } from "../console-status.ts";
import { type Problem, read } from "./api.ts";
import { missingOf, session } from "./session.ts";
import { Store, useStore } from "./store.ts";

/** How the ledger does, asked for once a second while somebody looks, and what was told in the last ten minutes. */

export const POINTS_MAX = 600;
const ASK_MILLISECONDS = 1_000;

export interface Point {
  /** Seconds since 1970. */
  readonly at: number;
  readonly status: ConsoleStatus;
}
export interface Told {
  /** Oldest first. */
  readonly points: readonly Point[];
  /** Why there is nothing new; null: there is. */
  readonly problem: Problem | null;
}

export const told = new Store<Told>({ points: [], problem: null });

export function latestOf({ points }: Told): ConsoleStatus | null {
  return points.at(-1)?.status ?? null;
}

/** It is told of the whole ledger only to keys that are for all of it. */
function mayAsk(): boolean {
  const now = session.value;
  return now.type === "in" && now.key.accounts === "*" && missingOf(now.key, ["ledger:read"]) === null;
}

export function useMayAsk(): boolean {
  useStore(session);
  return mayAsk();
}

export function followStatus(): void {
  let asking = false;
  const look = async (): Promise<void> => {
    if (asking || !mayAsk() || document.visibilityState !== "visible") return;
    asking = true;
    const answer = await read<ConsoleStatus>("/console/status");
    asking = false;
    const { points } = told.value;
    if (!answer.ok) {
      told.set({ points, problem: answer.problem });
      return;
    }
    const at = Date.parse(answer.value.at) / 1_000;
    const newer = points.filter((point) => point.at < at && point.at > at - POINTS_MAX);
    told.set({ points: [...newer, { at, status: answer.value }].slice(-POINTS_MAX), problem: null });
  };
  session.listen(() => {
    told.set({ points: [], problem: null });
    beside(look());
  });
  document.addEventListener("visibilitychange", () => beside(look()));
  setInterval(() => beside(look()), ASK_MILLISECONDS);
}
