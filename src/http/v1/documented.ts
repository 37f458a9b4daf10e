import type { z } from "zod";

/** As OpenAPI 3.1 has it: JSON Schema of 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>;

const shown = new WeakMap<object, z.ZodType>();

/** Of a schema that has a form of its own only because it parses better so, the OpenAPI document says this. */
export function documentAs<Schema extends z.ZodType>(schema: Schema, as: z.ZodType): Schema {
  shown.set(schema, as);
  return schema;
}

export function documentedAs(schema: object): z.ZodType | null {
  return shown.get(schema) ?? null;
}
