import { jsonIn } from "./attempt.ts";
import type { WebhookEvent } from "./types.ts";

/** How old a request may be, and how far the clocks may differ, as Standard Webhooks says. */
const TOLERANCE_SECONDS = 300;

/** Of a request, in whatever form the server has them. */
export type WebhookHeaders =
  { get(name: string): string | null } | Readonly<Record<string, string | readonly string[] | undefined>>;

/** The request is not from the ledger, or too old. Answer 401, and do nothing of what it says. */
export class WebhookError extends Error {
  override readonly name = "WebhookError";
}

/**
 * The event that a webhook was sent, if it is signed with its secret (Standard Webhooks, `v1`) and at most 5 minutes old.
 * The ledger sends an event again until it is answered 2xx: what has its id is the same one.
 *
 * @param secret `whsec_...`, from the answer of `create` or `rotate`
 * @param body as it was received: parsed and written again it would be another text
 * @throws WebhookError; TypeError where the secret is none
 */
export async function verifyWebhook(
  secret: string,
  headers: WebhookHeaders,
  body: string | Uint8Array,
): Promise<WebhookEvent> {
  const key = await keyOf(secret);
  const id = headerOf(headers, "webhook-id");
  const timestamp = headerOf(headers, "webhook-timestamp");
  const signatures = headerOf(headers, "webhook-signature").split(" ");
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const signed = joined(new TextEncoder().encode(`${id}.${timestamp}.`), bytes);
  const verified = await Promise.all(signatures.map((signature) => isOf(key, signature, signed)));
  if (!verified.includes(true))
    throw new WebhookError("none of the request's signatures is one of this secret over this body");
  // Only now: what is not signed tells nothing, not even how late it is.
  const age = Date.now() / 1000 - Number(timestamp);
  if (!(Math.abs(age) <= TOLERANCE_SECONDS))
    throw new WebhookError(`the request is of ${timestamp}, more than 5 minutes from this machine's clock`);
  const event = jsonIn(new TextDecoder().decode(bytes));
  if (typeof Object(event).type !== "string") throw new WebhookError("the request's body is no event");
  return Object(event);
}

async function keyOf(secret: string): Promise<CryptoKey> {
  const bytes = typeof secret === "string" ? bytesIn(secret.replace(/^whsec_/, "")) : null;
  // No error of what decodes it may tell it.
  if (bytes === null || bytes.length === 0)
    throw new TypeError("the webhook's secret must be the text that its making answered: whsec_ and base64");
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

/** WebCrypto compares in constant time. Versions of signatures that are not known are passed over. */
async function isOf(key: CryptoKey, signature: string, signed: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const bytes = signature.startsWith("v1,") ? bytesIn(signature.slice(3)) : null;
  return bytes !== null && crypto.subtle.verify("HMAC", key, bytes, signed);
}

function headerOf(headers: WebhookHeaders, name: string): string {
  const value = isGettable(headers) ? headers.get(name) : headers[name];
  if (typeof value !== "string" || value === "")
    throw new WebhookError(`the request has no header ${name}, so it is no webhook's`);
  return value;
}

function isGettable(headers: WebhookHeaders): headers is { get(name: string): string | null } {
  return typeof headers["get"] === "function";
}

function bytesIn(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(head.length + tail.length);
  bytes.set(head);
  bytes.set(tail, head.length);
  return bytes;
}
