import type { z } from "zod";
import type { AccessKey } from "../../access/access-key.ts";
import { ANYBODY } from "../../access/access-keys.ts";
import { denialOf } from "../../access/denial.ts";
import { bounds } from "../../bounds.ts";
import type { Command, CommandContent, CommandId } from "../../ledger/command.ts";
import { type Ledger, LedgerUnavailable } from "../../ledger/ledger.ts";
import { denialProblem } from "../access-problems.ts";
import { readJson } from "../body.ts";
import { type Parsed, parseCommandId } from "../parse.ts";
import { type FieldError, invalidFields, type Problem, toResponse } from "../problems.ts";
import { requestId } from "../request-id.ts";
import type { RouteContext, RoutedRequest } from "../route.ts";
import { answerOf, isDryRun, responseOf } from "./answers.ts";
import { isId, parseFields } from "./fields.ts";
import { parseNoQuery } from "./query.ts";

/** What a client may ask the ledger to do, by a route of its own or in a batch. */
export interface Operation<Body> {
  /** Of the request's body. */
  readonly schema: z.ZodType<Body>;
  /** An empty body is `{}`. */
  readonly mayBeEmpty: boolean;
  /** What is answered where the path has no id that could be one. */
  readonly notFound: Problem | null;
  /** @param of the id of what it acts on; empty where it creates something */
  readonly commandOf: (body: Body, of: string) => CommandContent;
  /** What is wrong with fields that are only right or wrong beside what the ledger has. */
  readonly check?: (ledger: Ledger, body: Body, of: string) => Promise<readonly FieldError[]>;
}

/**
 * Answers a request to do one thing. What is wrong is looked for in the order that docs/errors.md tells: the body, its
 * fields, whether they are for the access key, the Idempotency-Key; only then the ledger decides.
 */
export async function submitOne<Body>(
  context: RouteContext,
  request: RoutedRequest,
  key: AccessKey,
  operation: Operation<Body>,
): Promise<Response> {
  const { notFound, check, commandOf } = operation;
  const of = request.params["id"] ?? "";
  const body = await readFields(request, operation);
  if (!body.ok) return toResponse(body.problem);
  const isAborted = context.ended.watch(request);
  const canExist = notFound === null || isId(of);
  const content = commandOf(body.value, of);
  // Before anything is told that the ledger has.
  const isCertain = isDryRun(content);
  const denial =
    key === ANYBODY || !canExist
      ? null
      : await lookedUp(context, isCertain, denialOf(key, context.ledger, content));
  if (denial !== null) return toResponse(denialProblem(denial));
  const errors =
    canExist && check !== undefined
      ? await lookedUp(context, isCertain, check(context.ledger, body.value, of))
      : [];
  if (errors.length > 0) return toResponse(invalidFields(errors));

  const id: Parsed<CommandId> = isCertain
    ? { ok: true, value: requestId(request, context.requestIdHeader) }
    : parseCommandId(request, context.requestIdHeader);
  if (!id.ok) return toResponse(id.problem);
  if (!canExist) return toResponse(notFound);

  const command = cameWith(key, { ...content, id: id.value });
  const outcome = await context.ledger.submit(command, isAborted).catch((reason) => {
    throw unavailableFor(content, reason);
  });
  if (!isDryRun(content)) context.counters.decided(content.type, outcome);
  return responseOf(answerOf(content, outcome));
}

/**
 * What is looked up before the ledger is asked to decide. If that fails, nothing was changed by it; but a balancer may have
 * sent the same request to another API before, which goes on.
 *
 * @param isCertain whether nothing is changed even so
 * @throws LedgerUnavailable (as a rejection), and what else `found` rejects with
 */
export async function lookedUp<T>(
  { requestIdHeader }: RouteContext,
  isCertain: boolean,
  found: Promise<T>,
): Promise<T> {
  if (isCertain || requestIdHeader === undefined) return found;
  return found.catch((error: unknown) => {
    if (!(error instanceof LedgerUnavailable)) throw error;
    throw new LedgerUnavailable(error.message, "unknown", { cause: error });
  });
}

/** The command with the name of its access key. */
export function cameWith(key: AccessKey, command: Command): Command {
  return key === ANYBODY ? command : { ...command, by: key.name };
}

async function readFields<Body>(
  request: RoutedRequest,
  { schema, mayBeEmpty }: Operation<Body>,
): Promise<Parsed<Body>> {
  const json = await readJson(request, bounds.body_bytes_max, mayBeEmpty ? {} : undefined);
  if (!json.ok) return json;
  const query = parseNoQuery(request);
  return query.ok ? parseFields(schema, json.value) : query;
}

/**
 * Why the ledger could not decide a command. A dry run changes nothing, whatever became of it.
 *
 * @throws the reason, if it is a defect
 */
export function unavailableFor(command: CommandContent, reason: unknown): LedgerUnavailable {
  if (!(reason instanceof LedgerUnavailable)) throw reason;
  return isDryRun(command) ? new LedgerUnavailable(reason.message, "none", { cause: reason }) : reason;
}
