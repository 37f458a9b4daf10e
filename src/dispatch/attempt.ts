import { messageOf } from "../errors.ts";
import type { DispatchedWebhook } from "../hooks/dispatch-tables.ts";
import type { Tracing } from "../traces/tracing.ts";
import type { Posted, PostOptions } from "./poster.ts";
import { signatureHeaders } from "./sign.ts";
import { allowedAddresses, type Resolve } from "./target-guard.ts";

/** How the dispatcher reaches targets. */
export interface Reach {
  readonly resolve: Resolve;
  /** Whether webhooks may go to addresses inside the network. */
  readonly innerAllowed: boolean;
  readonly milliseconds: number;
  readonly tracing: Tracing | null;
  readonly send: (options: PostOptions) => Promise<Posted>;
}

export interface Attempted {
  /** `null`: there was no answer. */
  readonly status: number | null;
  readonly error: string | null;
  /** In milliseconds. */
  readonly retryAfter: number | null;
}

/** Long texts of errors are cut: a target may choose some of them. */
const ERROR_CHARACTERS_MAX = 200;

/**
 * Sends an event to its target, once.
 *
 * @param tried how often before: each attempt takes the next one of the target's addresses
 */
export async function attempt(
  reach: Reach,
  webhook: Pick<DispatchedWebhook, "id" | "url" | "secrets">,
  id: string,
  body: string,
  tried: number,
): Promise<Attempted> {
  // The rest of the URL may be a secret of its receiver.
  const span = reach.tracing?.work("webhook POST", {
    "http.request.method": "POST",
    "server.address": new URL(webhook.url).hostname,
    "razonete.webhook": webhook.id,
    "razonete.event": id,
    "razonete.attempt": tried + 1,
  });
  const attempted = await send(reach, webhook, id, body, tried);
  if (attempted.error === null) span?.end({ "http.response.status_code": attempted.status ?? 0 });
  else span?.fail(new Error(attempted.error));
  return attempted;
}

async function send(
  reach: Reach,
  webhook: Pick<DispatchedWebhook, "url" | "secrets">,
  id: string,
  body: string,
  tried: number,
): Promise<Attempted> {
  try {
    const addresses = await inTime(
      allowedAddresses(webhook.url, reach.resolve, reach.innerAllowed),
      reach.milliseconds,
    );
    if ("refused" in addresses) return failed(`the url ${addresses.refused}`);
    const { status, retryAfter } = await reach.send({
      url: new URL(webhook.url),
      address: addresses[tried % addresses.length] ?? "",
      headers: signatureHeaders(webhook.secrets, id, new Date(), body),
      body,
      milliseconds: reach.milliseconds,
    });
    return { status, error: isDelivered(status) ? null : `answered ${status}`, retryAfter };
  } catch (error) {
    return failed(messageOf(error));
  }
}

export function isDelivered(status: number | null): boolean {
  return status !== null && status >= 200 && status < 300;
}

function failed(error: string): Attempted {
  return { status: null, error: error.slice(0, ERROR_CHARACTERS_MAX), retryAfter: null };
}

async function inTime<T>(answer: Promise<T>, milliseconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("its name was not resolved in time")), milliseconds);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
