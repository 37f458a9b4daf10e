import type { DocumentedOperation } from "./documented-operation.ts";

/** What follows the ledger. */
export const EVENT_OPERATIONS = {} as const satisfies Readonly<Record<string, DocumentedOperation>>;
