import { messageOf, StartError } from "../errors.ts";
import { codeOf } from "../keep/postgres-client.ts";

/** The exit code if something could not be read, so that it is unknown whether everything agrees. */
export const CANNOT_AUDIT = 2;

/** Turns a server's failure into a StartError with one sentence for the user: it is not a finding. */
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
