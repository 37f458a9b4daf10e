import type { Needs } from "../../access/required-scopes.ts";
import { CONTEST_ROUTES } from "../contest-routes.ts";
import type { JsonSchema } from "../v1/documented.ts";
import { id as anyId } from "../v1/fields.ts";
import { V1_ROUTES } from "../v1/routes.ts";
import { type Example, EXAMPLES } from "./examples.ts";
import { HEADERS_OF_PROBLEMS, type HeaderName, IDEMPOTENCY_KEY, LAST_EVENT_ID } from "./headers.ts";
import type { DocumentedOperation } from "./documented-operation.ts";
import { type OperationId, PROBLEMS_OF_KIND } from "./operations.ts";
import { ALL_PROBLEMS, anyProblem, type DocumentedProblem } from "./problem-schemas.ts";
import { queryParameters } from "./parameters.ts";
import { type NamedSchemas, reference, toJsonSchema } from "./to-json-schema.ts";

/** One operation, as OpenAPI describes it. */
export function operationObject(
  id: OperationId,
  operation: DocumentedOperation,
  named: NamedSchemas,
): JsonSchema {
  const { tag, summary, description, query, body } = operation;
  const parameters = [
    ...(operation.of === undefined ? [] : [pathParameter(operation.of, named)]),
    ...(query === undefined ? [] : queryParameters(query, named)),
    ...(body === undefined ? [] : [IDEMPOTENCY_KEY]),
    ...(operation.answers.some(({ stream }) => stream !== undefined) ? [LAST_EVENT_ID] : []),
  ];
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    security: securityOf(needsOf(operation)),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: requestBody(id, body) }),
    responses: { ...successes(id, operation), ...problems(id, operation) },
  };
}

const ROUTES_WITH_KEYS = { ...CONTEST_ROUTES, ...V1_ROUTES };

function needsOf({ kind, path, method }: DocumentedOperation): Needs {
  if (kind === "server") return null;
  const methods = ROUTES_WITH_KEYS[path.replaceAll(/\{(\w+)\}/g, ":$1")];
  const route = Object.entries(methods ?? {}).find(([name]) => name.toLowerCase() === method)?.[1];
  if (route === undefined) throw new Error(`there is no route ${method} ${path}`);
  return route.needs;
}

/** One of these has to be met, each with all that it names. */
function securityOf(needs: Needs): JsonSchema[] {
  if (needs === null) return [];
  const { all, any } = needs;
  return any === undefined ? [{ accessKey: all }] : any.map((scope) => ({ accessKey: [...all, scope] }));
}

/** What is answered where no operation is meant. */
export function unmatchedResponses(): JsonSchema {
  return {
    RouteNotFound: problemResponse(404, ["route-not-found"], [], []),
    MethodNotAllowed: problemResponse(405, ["method-not-allowed"], [], []),
    TooManyRequests: problemResponse(429, ["too-many-requests"], [], []),
  };
}

function pathParameter(of: string, named: NamedSchemas): JsonSchema {
  const { description, ...schema } = toJsonSchema(anyId, named);
  return {
    name: "id",
    in: "path",
    required: true,
    description: `The id of the ${of}, percent-encoded. What ${String(description).slice("must be ".length)}.`,
    schema,
  };
}

function requestBody(id: OperationId, body: NonNullable<DocumentedOperation["body"]>): JsonSchema {
  // Those that were refused are shown by their answers only.
  const done = EXAMPLES.filter((one) => one.operation === id && one.body !== undefined && one.status < 300);
  const examples = examplesOf(done, (one) => one.body);
  const empty = body.mayBeEmpty ? " It may be empty." : "";
  return {
    description: `JSON in UTF-8, at most ${body.bytesMax} bytes.${empty}`,
    required: !body.mayBeEmpty,
    content: { "application/json": { schema: reference(body.schema), ...examples } },
  };
}

function successes(id: OperationId, { answers }: DocumentedOperation): Record<string, JsonSchema> {
  const responses = answers.map((answer) => {
    const examples = EXAMPLES.filter((one) => one.operation === id && one.status === answer.status);
    const isCsv = (one: Example) => typeof one.answer === "string";
    const json = examplesOf(
      examples.filter((one) => !isCsv(one)),
      (one) => one.answer,
    );
    const csv = examplesOf(examples.filter(isCsv), (one) => one.answer);
    const response = {
      description: answer.description,
      ...headersOf(answer.headers ?? []),
      content: {
        "application/json": { schema: reference(answer.schema), ...json },
        ...(answer.stream === undefined ? {} : { "text/event-stream": streamOf(answer.stream) }),
        ...(answer.csv ? { "text/csv": { schema: { type: "string" }, ...csv } } : {}),
      },
    };
    return [String(answer.status), response] as const;
  });
  return Object.fromEntries(responses);
}

function streamOf(description: string): JsonSchema {
  return { schema: { type: "string", description } };
}

function problems(id: OperationId, { kind, problems: own }: DocumentedOperation): Record<string, JsonSchema> {
  const names = [...new Set([...PROBLEMS_OF_KIND[kind], ...own])];
  const byStatus = Map.groupBy(names, (name) => ALL_PROBLEMS[name].status);
  const responses = [...byStatus].map(([status, ofStatus]) => {
    const isDecided = kind === "command" && [404, 409, 422].includes(status);
    const examples = EXAMPLES.filter((one) => one.operation === id && one.status === status);
    const headers: readonly HeaderName[] = isDecided ? ["Idempotency-Replayed"] : [];
    return [String(status), problemResponse(status, ofStatus, headers, examples)] as const;
  });
  return Object.fromEntries(responses);
}

function problemResponse(
  status: number,
  names: readonly DocumentedProblem[],
  headers: readonly HeaderName[],
  examples: readonly Example[],
): JsonSchema {
  const told = names.map((name) => `- \`${name}\`: ${ALL_PROBLEMS[name].title}`);
  return {
    description: told.join("\n"),
    ...headersOf([...(HEADERS_OF_PROBLEMS[status] ?? []), ...headers]),
    content: {
      "application/problem+json": { schema: anyProblem(names), ...examplesOf(examples, (one) => one.answer) },
    },
  };
}

function headersOf(names: readonly HeaderName[]): { readonly headers?: JsonSchema } {
  if (names.length === 0) return {};
  const references = names.map((name) => [name, { $ref: `#/components/headers/${name}` }] as const);
  return { headers: Object.fromEntries(references) };
}

function examplesOf(
  examples: readonly Example[],
  value: (example: Example) => unknown,
): { readonly examples?: JsonSchema } {
  if (examples.length === 0) return {};
  const named = examples.map((one) => [one.name, { summary: one.summary, value: value(one) }] as const);
  return { examples: Object.fromEntries(named) };
}
