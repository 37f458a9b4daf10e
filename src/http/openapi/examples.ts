import recorded from "./examples.json" with { type: "json" };
import { isOperationId, type OperationId } from "./operations.ts";

/**
 * Requests that were sent, one after the other, to a server without accounts, and what it answered. A test sends them
 * again, and holds the answers to these but for times and ids that the ledger makes.
 */
export interface Example {
  readonly operation: OperationId;
  /** Unique. */
  readonly name: string;
  readonly summary: string;
  /** With the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly status: number;
  /** JSON, or the text of CSV. */
  readonly answer: unknown;
}

export const EXAMPLES: readonly Example[] = recorded.map(({ operation, ...example }) => {
  if (!isOperationId(operation)) throw new Error(`an example of no operation: ${operation}`);
  return { ...example, operation };
});
