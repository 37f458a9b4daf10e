import { AssertionError } from "node:assert";
import { whyMoved } from "../decide/nodes/moved.ts";
import { messageOf } from "../errors.ts";
import { Divergence } from "./divergence.ts";
import type { Outage } from "./outage-log.ts";
import { codeOf } from "./postgres-client.ts";

/** A server is unavailable or not in the expected state, which may pass: the writer waits and tries again. */
export class MustWait extends Error {
  readonly server: "PostgreSQL" | "Redis";
  readonly outage: Outage;

  constructor(server: "PostgreSQL" | "Redis", outage: Outage, message: string) {
    super(message);
    this.server = server;
    this.outage = outage;
  }
}

/** @throws MustWait, or errors that waiting does not help against */
export async function booksAnswer<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Divergence || error instanceof AssertionError) throw error;
    throw new MustWait("PostgreSQL", "away", booksAway(error));
  }
}

/** @param isCluster whether REDIS_URL names a Redis Cluster. @throws MustWait */
export async function redisAnswer<T>(isCluster: boolean, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const message = messageOf(error);
    const moved = whyMoved(message, isCluster);
    if (moved !== null && !isCluster) throw new MustWait("Redis", "settings", `${moved}: nothing is kept`);
    const reason = moved ?? message;
    throw new MustWait(
      "Redis",
      "away",
      `Redis cannot be used (${reason}): what is answered is kept when it can`,
    );
  }
}

export function booksAway(error: unknown): string {
  const reason = error instanceof Error ? error.message || codeOf(error) : String(error);
  return `PostgreSQL cannot be used (${reason}): what is answered waits in the outbox`;
}
