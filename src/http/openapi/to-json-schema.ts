import { z } from "zod";
import { documentedAs, type JsonSchema } from "../v1/documented.ts";

/** Schemas that have a name in the document: elsewhere there is only a reference to them. */
export type NamedSchemas = ReadonlyMap<object, string>;

/** What is parsed as what is documented: a schema of a request is told as what comes in, not as what is made of it. */
export function toJsonSchema(schema: z.ZodType, named: NamedSchemas): JsonSchema {
  const root: object = schema;
  const { $schema: _, ...json }: Record<string, unknown> = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      const name = zodSchema === root ? undefined : named.get(zodSchema);
      if (name !== undefined) return replace(jsonSchema, reference(name));
      const other = documentedAs(zodSchema);
      if (other !== null) return replace(jsonSchema, toJsonSchema(other, named));
      if (zodSchema instanceof z.ZodNullable) replace(jsonSchema, withNull(jsonSchema));
    },
  });
  return json;
}

export function reference(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

function replace(json: object, by: object): void {
  for (const name of Object.keys(json)) Reflect.deleteProperty(json, name);
  Object.assign(json, by);
}

/** `{type: ["integer", "null"], ...}` in place of a choice of two schemas, where that says the same. */
function withNull({ anyOf, ...own }: { readonly anyOf?: readonly object[] }): object {
  const [inner = {}] = anyOf ?? [];
  const type = "type" in inner ? inner.type : null;
  return typeof type !== "string" || "enum" in inner || "oneOf" in inner || "anyOf" in inner
    ? { anyOf, ...own }
    : { ...inner, ...own, type: [type, "null"] };
}
