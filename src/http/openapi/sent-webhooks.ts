import type { JsonSchema } from "../v1/documented.ts";
import { reference } from "./to-json-schema.ts";

/** What the ledger itself sends to the `url` of a webhook, and what it takes for an answer. */
export const SENT_WEBHOOKS: JsonSchema = {
  event: {
    post: {
      operationId: "receiveEvent",
      tags: ["Webhooks"],
      summary: "What a webhook is sent",
      description:
        "One event, signed as Standard Webhooks says: verify the bytes as they came. It may come again, under the same " +
        "`webhook-id`.",
      security: [],
      parameters: [
        header("webhook-id", "The id of the event, the same at each attempt.", {}),
        header("webhook-timestamp", "When this attempt was made, in seconds since 1970.", {
          pattern: "^\\d+$",
        }),
        header(
          "webhook-signature",
          "A signature by the secret; after a rotation, one by the former secret, too.",
          {
            pattern: "^v1,[A-Za-z0-9+/]+=*( v1,[A-Za-z0-9+/]+=*)*$",
          },
        ),
      ],
      requestBody: {
        description:
          "JSON in UTF-8. `watch.crossed` is sent to webhooks alone, all else is told by `/v1/events`, too.",
        required: true,
        content: { "application/json": { schema: { anyOf: ["Event", "WatchCrossed"].map(reference) } } },
      },
      responses: {
        "2XX": { description: "It was taken. The body is not looked at." },
        "410": { description: "It is not wanted any more: the webhook is paused." },
        default: {
          description:
            "A failure, redirects too: it is sent again, by `Retry-After` or by the plan, for 72 hours.",
        },
      },
    },
  },
};

function header(name: string, description: string, schema: JsonSchema): JsonSchema {
  return { name, in: "header", required: true, description, schema: { type: "string", ...schema } };
}
