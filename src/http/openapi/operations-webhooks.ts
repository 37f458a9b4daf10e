import type { DocumentedOperation } from "./documented-operation.ts";

/** Who is told of what follows, and when. */
export const WEBHOOK_OPERATIONS = {} as const satisfies Readonly<Record<string, DocumentedOperation>>;
