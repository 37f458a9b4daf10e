import Ajv2020, { type ValidateFunction } from "ajv/dist/2020";
import { openApiDocument } from "../../../src/http/openapi/document.ts";
import { parseJson } from "../../../src/http/parse-json.ts";
import { METADATA_RULE, SIDES_RULE } from "../../../src/http/v1/fields.ts";
import { integerIn } from "../../../src/http/v1/query.ts";

/**
 * Holds requests and their answers to the OpenAPI document, in both directions: what the server takes has to be valid by
 * it, and what the server calls wrong has to be wrong by it.
 */

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly schema: { readonly type?: string };
}

interface DocumentedResponse {
  readonly headers?: Readonly<Record<string, { readonly $ref: string }>>;
  readonly content: Readonly<Record<string, unknown>>;
}

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean };
  readonly responses: Readonly<Record<string, DocumentedResponse>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly headers: Readonly<Record<string, { readonly required?: boolean }>>;
    readonly responses: Readonly<Record<string, DocumentedResponse>>;
  };
}

/** One request and what it was answered. */
export interface Exchange {
  readonly method: string;
  /** With the query, as it was sent. */
  readonly path: string;
  /** The Idempotency-Key. */
  readonly key: string | null;
  readonly body: string;
  readonly status: number;
  /** Of the answer; names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The body of the answer. */
  readonly text: string;
}

const ROOT = "https://razonete.test/openapi.json";
const document: Document = JSON.parse(JSON.stringify(openApiDocument()));
const ajv = new Ajv2020({
  strict: false,
  allErrors: false,
  logger: false,
  formats: { "date-time": isDateTime },
});
ajv.addSchema({ $id: ROOT, ...Object(closed(document)) });

/** What its pattern does not tell: whether there is such a day, and such a time of day. */
function isDateTime(text: string): boolean {
  const [, year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] =
    /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)/i.exec(text)?.map(Number) ?? [];
  const [, offsetHour = 0, offsetMinute = 0] = /[+-](\d\d):(\d\d)$/.exec(text)?.map(Number) ?? [];
  const midnight = new Date(0);
  midnight.setUTCFullYear(year, month - 1, day);
  const isDay = midnight.getUTCMonth() === month - 1 && midnight.getUTCDate() === day;
  const isTime = hour < 24 && minute < 60 && second < 60;
  return isDay && isTime && offsetHour < 24 && offsetMinute < 60;
}

/** Clients have to ignore members that they do not know; here one that is not in the document is a fault. */
function closed(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(closed);
  if (typeof json !== "object" || json === null) return json;
  const members = Object.entries(json).map(([name, value]) => [name, closed(value)] as const);
  const isOpen = "properties" in json && "type" in json && !("additionalProperties" in json);
  return { ...Object.fromEntries(members), ...(isOpen ? { additionalProperties: false } : {}) };
}

function validator(...place: readonly string[]): ValidateFunction {
  const pointer = place.map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1")));
  const validate = ajv.getSchema(`${ROOT}#/${pointer.join("/")}`);
  if (validate === undefined) throw new Error(`the OpenAPI document has no ${place.join(" ")}`);
  return validate;
}

/** Rules that no schema can say: they stand in descriptions. */
const ONLY_TOLD = [
  SIDES_RULE,
  METADATA_RULE,
  "must be one that this list gave",
  "must be given once",
  "must be another account than the hold's",
  "must be the hold's account",
  "must be reachable from everywhere",
  "must begin with https://",
  "must have one of ",
  "must be a cursor that /v1/events or a webhook gave",
];

/** Of any server, whatever it serves. */
const COMMON_HEADERS = new Set(["content-type", "content-length", "date", "connection", "keep-alive"]);

/** Answers that say nothing of whether the request was right. */
const UNDECIDED = new Set([401, 403, 405, 408, 413, 429, 500, 503]);

export class Conformity {
  /** What was seen of each operation: statuses of successes, and names of problems. */
  readonly seen = new Set<string>();

  /** @throws Error if the answer, or that the request was so answered, is not in the document */
  check(exchange: Exchange): void {
    const wrong = this.#wrong(exchange);
    if (wrong === null) return;
    const { method, path, body, status, headers, text } = exchange;
    throw new Error(
      `not in the OpenAPI document: ${wrong}\n${method} ${path} ${body.slice(0, 2_000)}\n` +
        `${status} ${JSON.stringify([...headers])} ${text.slice(0, 2_000)}`,
    );
  }

  #wrong(exchange: Exchange): string | null {
    const pathname = exchange.path.split("?", 1)[0] ?? "";
    const template = Object.keys(document.paths).find((one) => matches(one, pathname));
    if (template === undefined) return wrongUnmatched(exchange, { 404: "RouteNotFound" }, "the path");
    const method = exchange.method === "HEAD" ? "get" : exchange.method.toLowerCase();
    const operation = document.paths[template]?.[method];
    if (operation === undefined) return wrongUnmatched(exchange, { 405: "MethodNotAllowed" }, "the method");
    const status = String(exchange.status);
    if (operation.responses[status] === undefined) return `${operation.operationId} has no ${status}`;
    const place = ["paths", template, method];
    const wrong = wrongAnswer([...place, "responses", status], exchange);
    if (wrong !== null || exchange.method === "HEAD") return wrong;
    const problem = exchange.status < 400 ? null : problemOf(exchange.text);
    this.seen.add(`${operation.operationId} ${problem?.name ?? status}`);
    return wronglyTaken(exchange, operation, place, problem);
  }
}

/** @param missing what is not in the document where it is answered in another way */
function wrongUnmatched(
  exchange: Exchange,
  responses: Readonly<Record<number, string>>,
  missing: string,
): string | null {
  const name = new Map([...Object.entries(responses), ["429", "TooManyRequests"]]).get(
    String(exchange.status),
  );
  return name === undefined ? missing : wrongAnswer(["components", "responses", name], exchange);
}

/** What a complete suite would have seen. */
export function documentedOutcomes(): string[] {
  return Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).flatMap(({ operationId, responses }) =>
      Object.entries(responses).flatMap(([status, { content }]) =>
        Number(status) < 400
          ? [`${operationId} ${status}`]
          : problemsIn(content["application/problem+json"]).map((name) => `${operationId} ${name}`),
      ),
    ),
  );
}

function problemsIn(content: unknown): string[] {
  const names = JSON.stringify(content).matchAll(/schemas\/(\w+)Problem"/g);
  const kebab = (name: string) => name.replaceAll(/(?<!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
  return [...new Set([...names].map(([, name]) => kebab(String(name))))];
}

function matches(template: string, pathname: string): boolean {
  const [wanted, given] = [template.split("/"), pathname.split("/")];
  if (wanted.length !== given.length) return false;
  return wanted.every((part, index) => part === given[index] || (part === "{id}" && given[index] !== ""));
}

interface Problem {
  readonly name: string;
  readonly errors: readonly { readonly detail: string }[];
}

function problemOf(text: string): Problem {
  const { type, errors = [] } = JSON.parse(text);
  return { name: String(type).slice("urn:razonete:problem:".length), errors };
}

function wrongAnswer(place: readonly string[], exchange: Exchange): string | null {
  const response = responseAt(place);
  const names = Object.keys(response.headers ?? {});
  for (const [name, value] of exchange.headers) {
    if (COMMON_HEADERS.has(name)) continue;
    const documented = names.find((one) => one.toLowerCase() === name);
    if (documented === undefined) return `the header ${name}`;
    const isValid = validator("components", "headers", documented, "schema");
    if (!isValid(value)) return `${name}: ${ajv.errorsText(isValid.errors)}`;
  }
  const missing = names.find(
    (name) => document.components.headers[name]?.required && !exchange.headers.has(name.toLowerCase()),
  );
  if (missing !== undefined) return `an answer without the header ${missing}`;
  if (exchange.method === "HEAD") return null;
  if (response.content === undefined) return exchange.text === "" ? null : "a body";
  const type = (exchange.headers.get("content-type") ?? "").split(";", 1)[0] ?? "";
  if (!(type in response.content)) return `the type ${type}`;
  const isValid = validator(...place, "content", type, "schema");
  if (isValid(type.endsWith("json") ? JSON.parse(exchange.text) : exchange.text)) return null;
  return `${ajv.errorsText(isValid.errors)} of the answer`;
}

function responseAt([first = "", ...rest]: readonly string[]): DocumentedResponse {
  const [path = "", method = "", , status = ""] = rest;
  const response =
    first === "components"
      ? document.components.responses[rest.at(-1) ?? ""]
      : document.paths[path]?.[method]?.responses[status];
  if (response === undefined) throw new Error(`no response at ${[first, ...rest].join(" ")}`);
  return response;
}

/** Whether the server and the document agree that the request is right, or wrong. */
function wronglyTaken(
  exchange: Exchange,
  operation: Operation,
  place: readonly string[],
  problem: Problem | null,
): string | null {
  const { status } = exchange;
  const isContest = exchange.path.startsWith("/clientes/");
  // There the account comes before all else.
  if (UNDECIDED.has(status) || (isContest && status === 404)) return null;
  // It has no key, whatever the header says.
  const isDryRun = isJson(exchange.body) && Object(parseJson(exchange.body)).dry_run === true;
  const key = isDryRun ? null : wrongKey(exchange, operation, place);
  const query = isContest ? null : wrongQuery(exchange, operation, place);
  const fields = wrongBody(exchange, operation, place) ?? query;
  const wrong = fields ?? key;
  switch (problem?.name) {
    case "invalid-json":
      return isJson(exchange.body) ? "a body that is JSON is refused" : null;
    case "invalid-idempotency-key":
      return key === null ? "a right key is refused" : null;
    case "invalid-fields": {
      const isOnlyTold = problem.errors.some(({ detail }) => ONLY_TOLD.some((rule) => detail.includes(rule)));
      return fields === null && !isOnlyTold ? "a right request is refused" : null;
    }
    case undefined:
    default:
      return wrong === null ? null : `${wrong} is taken`;
  }
}

function wrongKey(
  { key }: Exchange,
  { parameters = [] }: Operation,
  place: readonly string[],
): string | null {
  const index = parameters.findIndex(({ name }) => name === "Idempotency-Key");
  if (key === null || index < 0) return null;
  return validator(...place, "parameters", String(index), "schema")(key) ? null : `the key ${String(key)}`;
}

function wrongBody({ body }: Exchange, { requestBody }: Operation, place: readonly string[]): string | null {
  if (requestBody === undefined) return null;
  if (body === "") return requestBody.required ? "an empty body" : null;
  if (!isJson(body)) return "a body that is no JSON";
  const isValid = validator(...place, "requestBody", "content", "application/json", "schema");
  return isValid(parseJson(body)) ? null : `${ajv.errorsText(isValid.errors)} of the body`;
}

function isJson(body: string): boolean {
  try {
    parseJson(body);
    return true;
  } catch {
    return false;
  }
}

function wrongQuery(
  { path }: Exchange,
  { parameters = [] }: Operation,
  place: readonly string[],
): string | null {
  const query = new URLSearchParams(path.split("?").slice(1).join("?"));
  const groups = new Map<string, Record<string, string>>();
  for (const [name, text] of query) {
    const group = name.includes(".") ? (name.split(".", 1)[0] ?? "") : null;
    const index = parameters.findIndex((one) => one.in === "query" && one.name === (group ?? name));
    const schema = parameters[index]?.schema;
    if (schema === undefined || (schema.type === "object") !== (group !== null))
      return `the parameter ${name}`;
    const value = group === null ? valueOf(schema, text) : { ...groups.get(group), [name]: text };
    if (group !== null) groups.set(group, Object(value));
    const isValid = validator(...place, "parameters", String(index), "schema");
    if (!isValid(value)) return `${ajv.errorsText(isValid.errors)} of the parameter ${name}`;
  }
  return null;
}

function valueOf({ type }: Parameter["schema"], text: string): unknown {
  return type === "integer" ? (integerIn(text) ?? text) : text;
}
