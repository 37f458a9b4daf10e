import type { AccountDetails, Metadata } from "./account.ts";
import { type Details, type EventId, NO_DETAILS } from "./transaction.ts";
import type { Across } from "./transit.ts";

/** Name, metadata, description and reference, as they are kept: JSON without what there is none of. */

/** Empty for none of both. */
export function formatAccountDetails({ name, metadata }: AccountDetails): string {
  if (name === null && Object.keys(metadata).length === 0) return "";
  return JSON.stringify({
    ...(name === null ? {} : { name }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  });
}

/** The same. What it is across shards comes last, since the function adds it to what it is given. */
export function formatDetails(
  { description, reference, metadata }: Details,
  reverses: EventId | null,
  across?: Across,
): string {
  if (
    description === null &&
    reference === null &&
    reverses === null &&
    across === undefined &&
    isEmpty(metadata)
  )
    return "";
  return JSON.stringify({
    ...(description === null ? {} : { description }),
    ...(reference === null ? {} : { reference }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(reverses === null ? {} : { reverses }),
    ...(across === undefined ? {} : { across: { attempt: across.attempt, shards: across.shards } }),
  });
}

function isEmpty(metadata: Metadata): boolean {
  for (const _ in metadata) return false;
  return true;
}

/**
 * The inverse of {@link formatAccountDetails}.
 *
 * @throws Error if the text is none
 */
export function accountDetailsIn(text: string): AccountDetails {
  const { name, metadata } = jsonIn(text);
  return { name: textIn(name), metadata: metadataIn(metadata) };
}

/**
 * The inverse of {@link formatDetails}.
 *
 * @throws Error if the text is none
 */
export function detailsIn(
  text: string,
): Details & { readonly reverses: EventId | null; readonly across?: Across } {
  if (text === "") return NO_DETAILS_AT_ALL;
  const { description, reference, metadata, reverses, across } = jsonIn(text);
  const details = {
    description: textIn(description),
    reference: textIn(reference),
    metadata: metadataIn(metadata),
    reverses: textIn(reverses),
  };
  return across === undefined ? details : { ...details, across: acrossIn(across) };
}

function acrossIn(value: unknown): Across {
  if (isObject(value)) {
    const { attempt, shards } = value;
    if (typeof attempt === "string" && Array.isArray(shards) && shards.every(Number.isSafeInteger))
      return { attempt, shards: shards.map(Number) };
  }
  throw new Error(`no attempt with its shards: ${JSON.stringify(value)}`);
}

const NO_DETAILS_AT_ALL = Object.freeze({ ...NO_DETAILS, reverses: null });

function jsonIn(text: string): Readonly<Record<string, unknown>> {
  const json: unknown = text === "" ? {} : JSON.parse(text);
  if (!isObject(json)) throw new Error(`no details: ${JSON.stringify(text.slice(0, 100))}`);
  return json;
}

function textIn(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function metadataIn(value: unknown): Metadata {
  if (!isObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, text]) =>
      typeof text === "string" ? [[name, text] as const] : [],
    ),
  );
}
