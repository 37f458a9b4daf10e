import { z } from "zod";
import { bounds } from "../../bounds.ts";
import { type Metadata, WORLD } from "../../ledger/account.ts";
import { isAccountId } from "../../ledger/account-id.ts";
import { isUnit } from "../../ledger/unit.ts";
import { documentAs, type JsonSchema } from "./documented.ts";
import type { Parsed } from "../parse.ts";
import { type FieldError, invalidFields } from "../problems.ts";
import { isText, isVisibleAscii, TEXT_PATTERN, textRule } from "../text.ts";

/**
 * The fields of `/v1`, as schemas whose messages complete the sentence "<field> ...". What the OpenAPI document says of
 * each is beside its rule; a test holds both together.
 */

type Path = readonly PropertyKey[];

/** The body's fields, or what is wrong with each. */
export function readFields<T>(
  schema: z.ZodType<T>,
  json: unknown,
): { readonly ok: true; readonly value: T } | { readonly ok: false; readonly errors: readonly FieldError[] } {
  const parsed = schema.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  const errors = errorsIn(parsed.error, (path, rule) => ({
    pointer: ["#", ...path.map(pointerPart)].join("/"),
    detail: `${path.length === 0 ? "the body" : path.map(shown).join("/")} ${rule}`,
  }));
  return { ok: false, errors };
}

/** The same, with the problem to answer with. */
export function parseFields<T>(schema: z.ZodType<T>, json: unknown): Parsed<T> {
  const fields = readFields(schema, json);
  return fields.ok ? fields : { ok: false, problem: invalidFields(fields.errors) };
}

export function errorsIn(error: z.ZodError, told: (path: Path, rule: string) => FieldError): FieldError[] {
  return error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => told([...issue.path, key], "is not known here: leave it out"))
      : [told(issue.path, issue.message)],
  );
}

/** A client may have chosen it, of any length. */
function shown(part: PropertyKey): string {
  const text = String(part);
  return text.length <= bounds.member_characters_told_max
    ? text
    : `${text.slice(0, bounds.member_characters_told_max)}...`;
}

/** As RFC 6901 has it, in a URI's fragment. */
function pointerPart(part: PropertyKey): string {
  // A name with a lone surrogate has no form in a URI.
  const text = shown(part).toWellFormed();
  return encodeURIComponent(text.replaceAll("~", "~0").replaceAll("/", "~1"));
}

function field<T>(
  isValid: (value: unknown) => value is T,
  rule: string,
  documented: JsonSchema,
): z.ZodType<T> {
  return z.custom<T>(isValid, rule).meta({ ...documented, description: rule });
}

export function textField(
  isValid: (text: string) => boolean,
  rule: string,
  documented: JsonSchema,
): z.ZodType<string> {
  const isRight = (value: unknown): value is string => typeof value === "string" && isValid(value);
  return field(isRight, rule, { type: "string", ...documented });
}

/** An object with these members, and no other. */
export function members<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, "must be a JSON object");
}

/** Its length is looked at first, so that nothing is said of each item of one that is far too long. */
export function list<Item>(item: z.ZodType<Item>, max: number): z.ZodType<Item[]> {
  return documentAs(listOf(max).pipe(z.array(item)), documentedList(item, max));
}

/** The same for long items: it stops where as many errors are found as are told. */
export function longList<Item>(item: z.ZodType<Item>, max: number): z.ZodType<Item[]> {
  const items = listOf(max).transform((values, context) => {
    const parsedItems: Item[] = [];
    let errors = 0;
    for (const [index, value] of values.entries()) {
      const parsed = item.safeParse(value);
      if (parsed.success) parsedItems.push(parsed.data);
      for (const issue of parsed.error?.issues ?? []) {
        context.addIssue({ ...issue, path: [index, ...issue.path] });
        errors += 1;
      }
      if (errors >= bounds.field_errors_told_max) break;
    }
    return parsedItems;
  });
  return documentAs(items, documentedList(item, max));
}

function listOf(max: number): z.ZodType<unknown[]> {
  const isRight = (value: unknown) => Array.isArray(value) && value.length >= 1 && value.length <= max;
  return z.custom<unknown[]>(isRight, listRule(max));
}

function listRule(max: number): string {
  return `must be a list of 1 to ${max}`;
}

function documentedList(item: z.ZodType, max: number): z.ZodType {
  const items = z.array(item).min(1).max(max);
  return items.meta({ description: listRule(max) });
}

const MAX = Number.MAX_SAFE_INTEGER;

export function integerField(min: number, max: number): z.ZodType<number> {
  const isValid = (value: unknown): value is number =>
    Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;
  return field(isValid, integerRule(min, max), { type: "integer", minimum: min, maximum: max });
}

export function integerRule(min: number, max: number): string {
  const told = (bound: number) => (bound === MAX ? "2^53 - 1" : bound === -MAX ? "-(2^53 - 1)" : bound);
  return `must be an integer from ${told(min)} to ${told(max)}`;
}

export const amount = integerField(1, MAX);
export const amountOrZero = integerField(0, MAX);
/** A balance, or what is compared with one. */
export const anyAmount = integerField(-MAX, MAX);

/** Of ids; and of `@world` in place of one. */
const ID = { pattern: "^(?!\\.{1,2}$)[A-Za-z0-9._:{}-]{1,64}$" };
const PARTY = { pattern: `^${WORLD}$|${ID.pattern}` };
const ID_FORM = "1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points";

/** Ids of accounts, and those that the ledger makes, have one form. */
export function isId(text: string): boolean {
  return isAccountId(text);
}

export const id = textField(isId, `must be an id: ${ID_FORM}`, ID);
export const accountId = textField(isAccountId, `must be the id of an account: ${ID_FORM}`, ID);
export const idBeginning = textField(
  (text) => /^[A-Za-z0-9._:{}-]{1,64}$/.test(text),
  "must be the beginning of ids of accounts: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -",
  { pattern: "^[A-Za-z0-9._:{}-]{1,64}$" },
);
export const party = textField(
  (text) => text === WORLD || isAccountId(text),
  `must be ${WORLD} or the id of an account: ${ID_FORM}`,
  PARTY,
);

export const SIDES_RULE = "must have two different sides, from and to";

export const unit = textField(
  isUnit,
  "must be a unit, such as TOKENS, or BRL/2 with the number of its decimals",
  { pattern: "^[A-Z][A-Z0-9_]{0,15}(?:/[0-9]{1,2})?$" },
);
export const accountStatus = oneOf(["open", "frozen", "closed"], 'must be "open", "frozen" or "closed"');
export const holdStatus = oneOf(
  ["open", "captured", "released", "expired"],
  'must be "open", "captured", "released" or "expired"',
);

export function oneOf<const Text extends string>(texts: readonly Text[], rule: string): z.ZodType<Text> {
  return z.enum(texts, rule).meta({ description: rule });
}

export const flag = z.boolean("must be true or false").meta({ description: "must be true or false" });

export const name = textField(
  (text) => isText(text, 1, bounds.name_characters_max),
  textRule(1, bounds.name_characters_max),
  { minLength: 1, maxLength: bounds.name_characters_max, pattern: TEXT_PATTERN },
);
export const description = textField(
  (text) => isText(text, 0, bounds.description_characters_max),
  textRule(0, bounds.description_characters_max),
  { maxLength: bounds.description_characters_max, pattern: TEXT_PATTERN },
);
export const reference = textField(
  (text) => text === "" || isVisibleAscii(text, bounds.reference_characters_max),
  `must be a text of up to ${bounds.reference_characters_max} visible ASCII characters`,
  { maxLength: bounds.reference_characters_max, pattern: "^[!-~]*$" },
);

/** Members that are `null` are none, or are taken away. */
export type MetadataPatch = Readonly<Record<string, string | null>>;

export const METADATA_RULE =
  `must be a flat object of at most ${bounds.metadata_members_max} texts, with names of 1 to ` +
  `${bounds.metadata_name_characters_max} and texts of up to ${bounds.metadata_text_characters_max} characters, ` +
  `${bounds.metadata_bytes_max} bytes in all`;

/** How many texts there may be, and their bytes, stand in the rule only: members that are `null` do not count. */
export const metadata = field<MetadataPatch>(isMetadata, METADATA_RULE, {
  type: "object",
  propertyNames: { minLength: 1, maxLength: bounds.metadata_name_characters_max, pattern: TEXT_PATTERN },
  additionalProperties: {
    type: ["string", "null"],
    maxLength: bounds.metadata_text_characters_max,
    pattern: TEXT_PATTERN,
  },
});

function isMetadata(value: unknown): value is MetadataPatch {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  let count = 0;
  let bytes = 0;
  for (const [memberName, text] of Object.entries(value)) {
    if (!isText(memberName, 1, bounds.metadata_name_characters_max)) return false;
    if (text === null) continue;
    if (!isText(text, 0, bounds.metadata_text_characters_max)) return false;
    count += 1;
    bytes += Buffer.byteLength(memberName) + Buffer.byteLength(text);
  }
  return count <= bounds.metadata_members_max && bytes <= bounds.metadata_bytes_max;
}

/** What is left of it where nothing was before. */
export function metadataOf(patch: MetadataPatch | null | undefined): Metadata {
  return Object.fromEntries(
    Object.entries(patch ?? {}).flatMap(([memberName, text]) => (text === null ? [] : [[memberName, text]])),
  );
}

/** What clients say of a transaction or a hold. */
export const detailFields = {
  description: description.nullish(),
  reference: reference.nullish(),
  metadata: metadata.nullish(),
};

interface DetailFields {
  readonly description?: string | null | undefined;
  readonly reference?: string | null | undefined;
  readonly metadata?: MetadataPatch | null | undefined;
}

/** An empty text says as little as none. */
export function detailsOf(fields: DetailFields) {
  return {
    description: fields.description || null,
    reference: fields.reference || null,
    metadata: metadataOf(fields.metadata),
  };
}
