import { messageOf, StartError } from "../errors.ts";
import { codeOf } from "../keep/postgres-client.ts";

/** How the command ends that could not look: neither agreed nor not. */
export const CANNOT_AUDIT = 2;

/** What cannot be looked at is told as that, in one sentence, and not as a disagreement. */
export async function requireReachable<T>(server: string, answer: PromiseLike<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof StartError) throw error;
    const reason = messageOf(error) || codeOf(error) || "it does not answer";
    throw new StartError(`${server} cannot be looked at: ${reason.replace(/\.$/, "")}.`, CANNOT_AUDIT);
  }
}

export const POSTGRES = "PostgreSQL (DATABASE_URL)";
export const REDIS = "Redis (REDIS_URL)";
export const NATS = "NATS (NATS_URL)";
