import type { WebhookReason } from "../hooks/hook-store.ts";

const ENDINGS: Readonly<Record<WebhookReason, string>> = {
  asked: "it is paused, as was asked",
  gone: "its target answered 410, so it is paused",
  "key-revoked": "the access key that made it is revoked or has expired, so it is paused",
  "history-changed":
    "the journal that it had read is not there any more, or is another one, so it is paused: replay it from where its target stands",
  failed:
    "its target took nothing for 72 hours, so it is parked: mend the target, then set the webhook active again",
};

/** Why a webhook stops, in words for who runs the ledger. */
export function endingOf(reason: WebhookReason): string {
  return ENDINGS[reason];
}
