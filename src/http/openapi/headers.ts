import { bounds } from "../../bounds.ts";
import { KEY } from "../parse.ts";
import type { JsonSchema } from "../v1/documented.ts";

/** The header of every command, as a parameter. Its example is in words: the page would send one for every command. */
export const IDEMPOTENCY_KEY: JsonSchema = {
  name: "Idempotency-Key",
  in: "header",
  description:
    `Of the client's choice: ${bounds.idempotency_key_characters_max} visible ASCII characters at most. The same key with the ` +
    "same content again, within 24 hours where nothing else is set, is done once, and answered as the first time. For example `order-1017`.",
  schema: { type: "string", ...KEY },
};

/** Of a stream of events: browsers send it by themselves. */
export const LAST_EVENT_ID: JsonSchema = {
  name: "Last-Event-ID",
  in: "header",
  description:
    "The `id` of the last event that was seen: what comes after it is told. Counts over `after`; browsers send it when they come again.",
  schema: { type: "string" },
};

const text: JsonSchema = { type: "string" };

/** The headers of answers, by their names. */
export const HEADERS = {
  "Idempotency-Replayed": {
    description: "Where the outcome is that of an earlier request with the same key.",
    schema: { type: "string", const: "true" },
    example: "true",
  },
  Location: {
    description: "The path of what was created.",
    schema: { type: "string", format: "uri-reference" },
    example: "/v1/accounts/acme",
    required: true,
  },
  Link: {
    description: 'The path of the next page, `rel="next"`; none after the last one.',
    schema: text,
    example: '</v1/accounts?limit=2&cursor=OC1hYmMxMjM>; rel="next"',
  },
  Vary: {
    description: "The form of the answer depends on `Accept`.",
    schema: { type: "string", const: "accept" },
    example: "accept",
  },
  Allow: {
    description: "The methods that the path has.",
    schema: text,
    example: "POST, GET, HEAD",
    required: true,
  },
  "Retry-After": {
    description: "After so many seconds it may be sent again.",
    schema: { type: "string", pattern: "^[0-9]+$" },
    example: "1",
  },
  "Cache-Control": {
    description: "Where a balancer answers by itself, or with a document that may change.",
    schema: text,
    example: "no-store",
  },
  "WWW-Authenticate": {
    description:
      "That an access key is asked for, and what was wrong with the one that came, as RFC 6750 has it.",
    schema: { type: "string", pattern: "^Bearer" },
    example: 'Bearer error="invalid_token"',
    required: true,
  },
  RateLimit: {
    description:
      "What is left of the limit, and in how many seconds it is whole again. In front of a cluster other answers may have it, too.",
    schema: text,
    example: '"key";r=0;t=1',
    required: true,
  },
  "RateLimit-Policy": {
    description:
      'The limit that `RateLimit` is about: how many requests in how many seconds, of one access key (`"key"`), of one ' +
      'address (`"address"`), or with a wrong key from one address (`"wrong-keys"`).',
    schema: text,
    example: '"key";q=500;w=1',
    required: true,
  },
} as const satisfies Readonly<Record<string, JsonSchema>>;

export type HeaderName = keyof typeof HEADERS;

/** That any answer of this status may have, whatever the operation. */
export const HEADERS_OF_PROBLEMS: Readonly<Record<number, readonly HeaderName[]>> = {
  401: ["WWW-Authenticate"],
  403: ["WWW-Authenticate"],
  405: ["Allow"],
  429: ["Retry-After", "RateLimit", "RateLimit-Policy"],
  503: ["Retry-After", "Cache-Control"],
};
