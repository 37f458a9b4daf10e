import packageJson from "../../../package.json" with { type: "json" };
import type { JsonSchema } from "../v1/documented.ts";
import { ANSWERS } from "./answers.ts";
import { INTRODUCTION, TAGS } from "./introduction.ts";
import { HEADERS } from "./headers.ts";
import { operationObject, unmatchedResponses } from "./operation-object.ts";
import type { DocumentedOperation } from "./documented-operation.ts";
import { isOperationId, OPERATIONS } from "./operations.ts";
import { problemSchemas } from "./problem-schemas.ts";
import { REQUESTS } from "./requests.ts";
import { SENT_WEBHOOKS } from "./sent-webhooks.ts";
import { type NamedSchemas, reference, toJsonSchema } from "./to-json-schema.ts";

/** The OpenAPI document, made from the schemas that parse the requests and from those in answers.ts. */
export function openApiDocument(): JsonSchema {
  const schemas = { ...REQUESTS, ...ANSWERS };
  const named: NamedSchemas = new Map(Object.entries(schemas).map(([name, schema]) => [schema, name]));
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const [id, operation] of Object.entries<DocumentedOperation>(OPERATIONS)) {
    if (!isOperationId(id)) throw new Error(`no operation: ${id}`);
    const ofPath = (paths[operation.path] ??= {});
    ofPath[operation.method] = operationObject(id, operation, named);
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Razonete",
      version: packageJson.version,
      summary: packageJson.description,
      description: INTRODUCTION,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/", description: "The server that this document comes from." }],
    tags: TAGS,
    paths,
    webhooks: SENT_WEBHOOKS,
    components: {
      schemas: {
        ...Object.fromEntries(
          Object.entries(schemas).map(([name, schema]) => [name, toJsonSchema(schema, named)]),
        ),
        BatchResults: BATCH_RESULTS,
        OpenApiDocument: {
          type: "object",
          required: ["openapi"],
          properties: { openapi: { type: "string" } },
          additionalProperties: true,
        },
        ...problemSchemas(),
      },
      responses: unmatchedResponses(),
      headers: HEADERS,
      securitySchemes: {
        accessKey: {
          type: "http",
          scheme: "bearer",
          description:
            "An access key, as `razonete keys create` shows it once. A server that is open (on loopback until the first key is made, or started with `--open`) needs none.",
        },
      },
    },
  };
}

const BATCH_RESULTS: JsonSchema = {
  type: "object",
  required: ["results"],
  properties: {
    results: {
      type: "array",
      minItems: 1,
      items: {
        type: "object",
        required: ["status", "body"],
        properties: {
          status: {
            type: "integer",
            description: "That the command by itself would have been answered with.",
          },
          body: {
            description: "The same.",
            anyOf: ["Account", "CreatedTransaction", "TriedTransaction", "DecidedHold", "Problem"].map(
              reference,
            ),
          },
          replayed: { type: "boolean", const: true, description: "Its key was known." },
        },
      },
    },
  },
};
