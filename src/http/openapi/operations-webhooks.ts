import { bounds } from "../../bounds.ts";
import { crossingsQuery, watchesQuery } from "../v1/watches.ts";
import { deliveriesQuery, webhooksQuery } from "../v1/webhooks.ts";
import type { DocumentedOperation } from "./documented-operation.ts";
import type { HeaderName } from "./headers.ts";

const small = { mayBeEmpty: false, bytesMax: bounds.body_bytes_max };
const orEmpty = { mayBeEmpty: true, bytesMax: bounds.body_bytes_max };
const created: readonly HeaderName[] = ["Location", "Idempotency-Replayed"];
const changed: readonly HeaderName[] = ["Idempotency-Replayed"];

/** Who is told of what follows, and when. */
export const WEBHOOK_OPERATIONS = {
  createWebhook: {
    method: "post",
    path: "/v1/webhooks",
    tag: "Webhooks",
    summary: "Make a webhook",
    description:
      "From now on each event that is for it is sent to its `url`, signed as Standard Webhooks says, in order for each " +
      "account, and again for 72 hours until it is answered with 2xx. Of a key for some accounts it is told what is theirs.",
    body: { schema: "NewWebhook", ...small },
    answers: [{ status: 201, description: "It is there.", schema: "ToldWebhook", headers: created }],
    problems: ["account-not-found"],
    kind: "command",
  },
  listWebhooks: {
    method: "get",
    path: "/v1/webhooks",
    tag: "Webhooks",
    summary: "List webhooks",
    query: webhooksQuery,
    answers: [{ status: 200, description: "A page.", schema: "WebhookList", headers: ["Link"] }],
    problems: [],
    kind: "read",
  },
  readWebhook: {
    method: "get",
    path: "/v1/webhooks/{id}",
    tag: "Webhooks",
    summary: "Read a webhook",
    of: "webhook",
    answers: [{ status: 200, description: "The webhook.", schema: "Webhook" }],
    problems: ["webhook-not-found"],
    kind: "read",
  },
  changeWebhook: {
    method: "patch",
    path: "/v1/webhooks/{id}",
    tag: "Webhooks",
    summary: "Change, pause or continue a webhook",
    description:
      "What is left out stays. `null` for `types` or `accounts` means all. Set `active`, it goes on where it was, and what " +
      "was parked is tried anew.",
    of: "webhook",
    body: { schema: "WebhookChange", ...small },
    answers: [{ status: 200, description: "The webhook after it.", schema: "Webhook", headers: changed }],
    problems: ["webhook-not-found", "account-not-found"],
    kind: "command",
  },
  deleteWebhook: {
    method: "delete",
    path: "/v1/webhooks/{id}",
    tag: "Webhooks",
    summary: "Delete a webhook",
    of: "webhook",
    answers: [{ status: 204, description: "It is gone.", schema: null }],
    problems: ["webhook-not-found"],
    kind: "read",
  },
  rotateSecret: {
    method: "post",
    path: "/v1/webhooks/{id}/secret",
    tag: "Webhooks",
    summary: "Give a webhook a new secret",
    description: "For 24 hours deliveries bear two signatures, one by each secret.",
    of: "webhook",
    body: { schema: "NoFields", ...orEmpty },
    answers: [
      {
        status: 200,
        description: "The webhook, with its new secret.",
        schema: "ToldWebhook",
        headers: changed,
      },
    ],
    problems: ["webhook-not-found"],
    kind: "command",
  },
  replayWebhook: {
    method: "post",
    path: "/v1/webhooks/{id}/replay",
    tag: "Webhooks",
    summary: "Send a webhook what followed a cursor or a time",
    description:
      "Events that were delivered before are sent again under the same ids. It is active from then on.",
    of: "webhook",
    body: { schema: "Replay", ...small },
    answers: [{ status: 202, description: "It begins.", schema: "Webhook", headers: changed }],
    problems: ["webhook-not-found", "cursor-gone"],
    kind: "command",
  },
  listDeliveries: {
    method: "get",
    path: "/v1/webhooks/{id}/deliveries",
    tag: "Webhooks",
    summary: "List a webhook's deliveries with their attempts",
    description: "Newest first. What was delivered is kept for 3 days.",
    of: "webhook",
    query: deliveriesQuery,
    answers: [{ status: 200, description: "A page.", schema: "DeliveryList", headers: ["Link"] }],
    problems: ["webhook-not-found"],
    kind: "read",
  },
  createWatch: {
    method: "post",
    path: "/v1/watches",
    tag: "Webhooks",
    summary: "Be told when an account has little available",
    description:
      "Webhooks get one event `watch.crossed` each time that an account comes to have less available than `available_lt`: " +
      "the account named, or each whose id begins with `prefix`.",
    body: { schema: "NewWatch", ...small },
    answers: [{ status: 201, description: "It is there.", schema: "Watch", headers: created }],
    problems: ["account-not-found"],
    kind: "command",
  },
  listWatches: {
    method: "get",
    path: "/v1/watches",
    tag: "Webhooks",
    summary: "List watches",
    query: watchesQuery,
    answers: [{ status: 200, description: "A page.", schema: "WatchList", headers: ["Link"] }],
    problems: [],
    kind: "read",
  },
  readWatch: {
    method: "get",
    path: "/v1/watches/{id}",
    tag: "Webhooks",
    summary: "Read a watch",
    of: "watch",
    answers: [{ status: 200, description: "The watch.", schema: "Watch" }],
    problems: ["watch-not-found"],
    kind: "read",
  },
  deleteWatch: {
    method: "delete",
    path: "/v1/watches/{id}",
    tag: "Webhooks",
    summary: "Delete a watch",
    of: "watch",
    answers: [{ status: 204, description: "It is gone.", schema: null }],
    problems: ["watch-not-found"],
    kind: "read",
  },
  listCrossings: {
    method: "get",
    path: "/v1/watches/{id}/crossings",
    tag: "Webhooks",
    summary: "List when a watch was crossed",
    description: "Newest first.",
    of: "watch",
    query: crossingsQuery,
    answers: [{ status: 200, description: "A page.", schema: "CrossingList", headers: ["Link"] }],
    problems: ["watch-not-found"],
    kind: "read",
  },
} as const satisfies Readonly<Record<string, DocumentedOperation>>;
