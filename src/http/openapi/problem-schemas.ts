import { SCOPES } from "../../access/scope.ts";
import type { JsonSchema } from "../v1/documented.ts";
import { PROBLEMS } from "../problems.ts";
import { reference } from "./to-json-schema.ts";

/** What HAProxy answers by itself, where there is one: the files in deploy/haproxy. */
const BALANCER_PROBLEMS = {
  "malformed-request": { status: 400, title: "The request is not HTTP" },
} as const;

export const ALL_PROBLEMS = { ...BALANCER_PROBLEMS, ...PROBLEMS } as const;

export type DocumentedProblem = keyof typeof ALL_PROBLEMS;

interface Members {
  readonly required?: readonly string[];
  readonly properties: Readonly<Record<string, JsonSchema>>;
}

const place = { type: "integer", minimum: 0 };

/** Where in the request the reason is, if it is in one place. */
const PLACE: Members["properties"] = {
  account: { type: "string", description: "The account because of which it was refused." },
  index: {
    ...place,
    description:
      "The place of the posting or condition, from 0; in an answer to a whole batch that of the command.",
  },
  posting: { ...place, description: "Of a batch: the place of the posting in the command." },
};
const CONDITION: Members["properties"] = {
  condition: { ...place, description: "Of a batch: the place of the condition in the command." },
};
const INDEX: Members["properties"] = {
  index: { ...place, description: "Of a batch: the place of the command, from 0." },
};
const NOTHING: Members = { properties: {} };
const REFUSAL: Members = { properties: PLACE };

const FIELD_ERROR: JsonSchema = {
  type: "object",
  required: ["detail"],
  properties: {
    pointer: {
      type: "string",
      description: "A JSON pointer into the body, as a URI's fragment.",
    },
    parameter: { type: "string", description: "The name of a parameter of the query." },
    detail: { type: "string", description: "The rule that is broken." },
  },
};

/** What each has beside type, title, status and detail. */
const MEMBERS: Readonly<Record<DocumentedProblem, Members>> = {
  "malformed-request": NOTHING,
  "request-timeout": NOTHING,
  "invalid-json": NOTHING,
  "invalid-idempotency-key": NOTHING,
  "route-not-found": NOTHING,
  "account-not-found": { properties: { ...PLACE, ...CONDITION } },
  "transaction-not-found": { properties: INDEX },
  "hold-not-found": { properties: INDEX },
  "webhook-not-found": NOTHING,
  "watch-not-found": NOTHING,
  "method-not-allowed": NOTHING,
  "account-exists": REFUSAL,
  "cursor-gone": {
    required: ["shard"],
    properties: { shard: { ...place, description: "The shard whose journal has another past." } },
  },
  "body-too-large": NOTHING,
  "invalid-fields": {
    required: ["errors"],
    properties: {
      errors: {
        type: "array",
        minItems: 1,
        maxItems: 20,
        items: FIELD_ERROR,
        description: "One item for each field that is wrong, 20 at most.",
      },
      account: { type: "string", description: "The account whose metadata would be too large." },
      index: { ...place, description: "Of a batch: the first command that is wrong, from 0." },
    },
  },
  "account-closed": REFUSAL,
  "account-frozen": REFUSAL,
  "account-not-empty": REFUSAL,
  "already-reversed": {
    required: ["reversal"],
    properties: { reversal: { type: "string", description: "The id of its reversal." }, ...INDEX },
  },
  "balance-out-of-range": REFUSAL,
  "condition-failed": {
    properties: {
      account: { type: "string", description: "The account whose condition does not hold." },
      index: {
        ...place,
        description: "The place of the condition, from 0; in an answer to a whole batch that of the command.",
      },
      ...CONDITION,
    },
  },
  "hold-not-open": {
    required: ["state"],
    properties: {
      state: { enum: ["captured", "released", "expired"], description: "How it ended." },
      ...INDEX,
    },
  },
  "limit-exceeded": REFUSAL,
  "limit-too-low": REFUSAL,
  "not-reversible": { properties: INDEX },
  "shards-apart": REFUSAL,
  "unit-mismatch": REFUSAL,
  "idempotency-key-reused": { properties: INDEX },
  "internal-error": NOTHING,
  "ledger-unavailable": {
    required: ["outcome"],
    properties: {
      outcome: {
        enum: ["none", "unknown"],
        description:
          "`none`: nothing was changed. `unknown`: it may have been applied or not; sent again with the same Idempotency-Key, it tells.",
      },
    },
  },
  "not-ready": NOTHING,
  "key-missing": NOTHING,
  "key-invalid": NOTHING,
  "scope-missing": {
    properties: {
      scope: { enum: SCOPES, description: "The scope that is missing, if it is one." },
      index: { ...place, description: "Of a batch: the first command for which it is missing, from 0." },
    },
  },
  "too-many-requests": NOTHING,
};

export function problemSchemaName(problem: DocumentedProblem): string {
  const words = problem.split("-").map((word) => word.slice(0, 1).toUpperCase() + word.slice(1));
  return `${words.join("")}Problem`;
}

/** By their names in the document, with `Problem` that is any of them. */
export function problemSchemas(): Record<string, JsonSchema> {
  const names = problemNames();
  const schemas = names.map((name) => [problemSchemaName(name), schemaOf(name)] as const);
  return { ...Object.fromEntries(schemas), Problem: anyProblem(names) };
}

export function problemNames(): DocumentedProblem[] {
  return Object.keys(ALL_PROBLEMS).filter((name): name is DocumentedProblem => name in ALL_PROBLEMS);
}

/** One of them, told apart by `type`. */
export function anyProblem(names: readonly DocumentedProblem[]): JsonSchema {
  const references = names.map((name) => reference(problemSchemaName(name)));
  const [first] = references;
  if (first !== undefined && references.length === 1) return first;
  const mapping = names.map((name, index) => [urnOf(name), String(references[index]?.["$ref"])] as const);
  return {
    oneOf: references,
    discriminator: { propertyName: "type", mapping: Object.fromEntries(mapping) },
  };
}

function schemaOf(name: DocumentedProblem): JsonSchema {
  const { status, title } = ALL_PROBLEMS[name];
  const { required = [], properties } = MEMBERS[name];
  return {
    type: "object",
    title,
    required: ["type", "title", "status", "detail", ...required],
    properties: {
      type: { type: "string", const: urnOf(name) },
      title: { type: "string", description: "For people; it may change." },
      status: { type: "integer", const: status },
      detail: { type: "string", description: "For people: what to do. It may change." },
      ...properties,
    },
  };
}

function urnOf(name: DocumentedProblem): string {
  return `urn:razonete:problem:${name}`;
}
