import { z } from "zod";
import type { Micros } from "../../ledger/account.ts";
import { parseJson } from "../parse-json.ts";
import type { Parsed } from "../parse.ts";
import { invalidFields } from "../problems.ts";
import { parseTimestamp, RFC_3339, TIMESTAMP_RULE } from "../timestamp.ts";
import type { JsonSchema } from "./documented.ts";
import { errorsIn, integerRule } from "./fields.ts";

/** The query's parameters. Unlike a body's fields they are texts. */

/** Without `new URL`, which fails if a request has no Host header: its URL is then only a path. */
export function queryOf({ url }: Request): URLSearchParams {
  const start = url.indexOf("?");
  return new URLSearchParams(start === -1 ? "" : url.slice(start + 1));
}

/**
 * The parameters that the schema knows, each at most once; others are refused.
 *
 * @param group parameters that are called `<group>.<name>` are the members of one called `group`
 */
export function parseQuery<T>(schema: z.ZodType<T>, request: Request, group?: string): Parsed<T> {
  const query = queryOf(request);
  const twice = [...new Set(query.keys())].filter((name) => query.getAll(name).length > 1);
  if (twice.length > 0) {
    return {
      ok: false,
      problem: invalidFields(
        twice.map((name) => ({ parameter: name, detail: `${name} must be given once` })),
      ),
    };
  }
  const isMember = (name: string) => group !== undefined && name.startsWith(`${group}.`);
  const members = [...query].filter(([name]) => isMember(name));
  const parameters = Object.fromEntries<unknown>([...query].filter(([name]) => !isMember(name)));
  if (group !== undefined && members.length > 0) {
    parameters[group] = Object.fromEntries(
      members.map(([name, text]) => [name.slice(group.length + 1), text]),
    );
  }
  const parsed = schema.safeParse(parameters);
  if (parsed.success) return { ok: true, value: parsed.data };
  const errors = errorsIn(parsed.error, (path, rule) => {
    const parameter = path.map(String).join(".");
    return { parameter, detail: `${parameter} ${rule}` };
  });
  return { ok: false, problem: invalidFields(errors) };
}

const NOTHING = z.strictObject({});

/** For the routes that take no parameter. */
export function parseNoQuery(request: Request): Parsed<unknown> {
  return request.url.includes("?") ? parseQuery(NOTHING, request) : { ok: true, value: null };
}

/** @param parse returns `null` for a text that is not valid */
export function parsedText<T>(
  parse: (text: string) => T | null,
  rule: string,
  documented: JsonSchema,
): z.ZodType<T, string> {
  return z
    .string()
    .transform((text, context) => {
      const value = parse(text);
      if (value !== null) return value;
      context.addIssue(rule);
      return z.NEVER;
    })
    .meta({ ...documented, description: rule });
}

export function integerParameter(min: number, max: number): z.ZodType<number, string> {
  return parsedText(
    (text) => {
      const value = integerIn(text);
      return value !== null && value >= min && value <= max ? value : null;
    },
    integerRule(min, max),
    { type: "integer", minimum: min, maximum: max },
  );
}

/** @returns `null` if the text is no integer, as JSON has them */
export function integerIn(text: string): number | null {
  if (!/^-?\d[\d.eE+-]*$/.test(text)) return null;
  try {
    const value = parseJson(text);
    return typeof value === "number" && Number.isSafeInteger(value) ? value : null;
  } catch {
    return null;
  }
}

export const timeParameter: z.ZodType<Micros, string> = parsedText(parseTimestamp, TIMESTAMP_RULE, {
  type: "string",
  format: "date-time",
  pattern: RFC_3339.source,
});
