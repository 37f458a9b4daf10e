import type { z } from "zod";
import type { AnswerName } from "./answers.ts";
import type { HeaderName } from "./headers.ts";
import type { DocumentedProblem } from "./problem-schemas.ts";
import type { RequestName } from "./requests.ts";

/** What can be asked on a route with one method. */
export interface DocumentedOperation {
  readonly method: "get" | "post" | "patch" | "delete";
  readonly path: string;
  readonly tag:
    | "Accounts"
    | "Transactions"
    | "Holds"
    | "Batches"
    | "Events"
    | "Webhooks"
    | "Reading"
    | "Contest"
    | "Server";
  readonly summary: string;
  readonly description?: string;
  /** What `id` is, where the path has one. */
  readonly of?: "account" | "transaction" | "hold";
  readonly query?: z.ZodObject;
  readonly body?: {
    readonly schema: RequestName;
    /** An empty body is `{}`. */
    readonly mayBeEmpty: boolean;
    readonly bytesMax: number;
  };
  readonly answers: readonly DocumentedAnswer[];
  /** Beside those that `kind` has. */
  readonly problems: readonly DocumentedProblem[];
  readonly kind: "command" | "read" | "contest-read" | "server";
}

interface DocumentedAnswer {
  readonly status: 200 | 201;
  readonly description: string;
  readonly schema: AnswerName;
  readonly headers?: readonly HeaderName[];
  /** The same as CSV, where the client prefers that. */
  readonly csv?: true;
  /** Or, where the client asks for that, a stream of events; then where it begins may be told by `Last-Event-ID`. */
  readonly stream?: string;
}
