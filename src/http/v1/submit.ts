import type { z } from "zod";
import type { AccessKey } from "../../access/access-key.ts";
import { ANYBODY } from "../../access/access-keys.ts";
import { denialOf } from "../../access/denial.ts";
import { bounds } from "../../bounds.ts";
import type { Command, CommandContent, CommandId } from "../../ledger/command.ts";
import { type Ledger, LedgerUnavailable } from "../../ledger/ledger.ts";
import { denialProblem } from "../access-problems.ts";
import { readJson } from "../body.ts";
import { type Parsed, parseCommandId, requestId } from "../parse.ts";
import { type FieldError, invalidFields, type Problem, toResponse } from "../problems.ts";
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
  const denial = key === ANYBODY || !canExist ? null : await denialOf(key, context.ledger, content);
  if (denial !== null) return toResponse(denialProblem(denial));
  const errors = canExist ? ((await check?.(context.ledger, body.value, of)) ?? []) : [];
  if (errors.length > 0) return toResponse(invalidFields(errors));

  const id: Parsed<CommandId> = isDryRun(content)
    ? { ok: true, value: requestId(request.headers, context.requestIdHeader) }
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
