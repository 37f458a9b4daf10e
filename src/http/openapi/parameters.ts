import type { z } from "zod";
import type { JsonSchema } from "../v1/documented.ts";
import { type NamedSchemas, toJsonSchema } from "./to-json-schema.ts";

/** The query's parameters, from the schema that parses them. */
export function queryParameters(query: z.ZodObject, named: NamedSchemas): JsonSchema[] {
  return Object.entries<z.ZodType>(query.shape).map(([name, field]) => {
    if (name === "metadata") return metadataParameter(toJsonSchema(field, named));
    const { description, ...schema } = toJsonSchema(field, named);
    return { name, in: "query", description, schema };
  });
}

/**
 * `metadata.<name>=<text>`, as many as wanted: an object that is exploded, whose members have names that begin so. Nothing
 * else in OpenAPI says that.
 */
function metadataParameter({ description, additionalProperties }: JsonSchema): JsonSchema {
  const text = typeof additionalProperties === "object" ? { ...additionalProperties, type: "string" } : {};
  return {
    name: "metadata",
    in: "query",
    description: `Parameters of the names \`metadata.<name>\`, such as \`metadata.plan=pro\`: accounts that have each of these texts. Together they ${String(description)}.`,
    style: "form",
    explode: true,
    schema: { type: "object", patternProperties: { "^metadata\\.": text }, additionalProperties: false },
  };
}
