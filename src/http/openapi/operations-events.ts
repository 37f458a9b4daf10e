import { eventsQuery } from "../v1/events.ts";
import type { DocumentedOperation } from "./documented-operation.ts";

/** What follows the ledger. */
export const EVENT_OPERATIONS = {
  readEvents: {
    method: "get",
    path: "/v1/events",
    tag: "Events",
    summary: "Follow what is decided",
    description:
      "One event for each decision, gapless from any cursor on: in order for each account, and for each shard. With " +
      "`Accept: text/event-stream` a stream that goes on; else pages, which may wait for the first event. Without a cursor " +
      "it begins with the first event that is kept. A key for some accounts is told what is theirs, and the other side of " +
      "a posting not.",
    query: eventsQuery,
    answers: [
      {
        status: 200,
        description: "A page, or the stream.",
        schema: "EventPage",
        headers: ["Vary", "Cache-Control"],
        stream:
          "Server-sent events: `id` is a cursor, `event` the type, `data` an `Event` as JSON. A comment comes at least " +
          "every 15 s. Who reads too slowly is cut off, and goes on with the last `id`.",
      },
    ],
    problems: ["account-not-found", "cursor-gone"],
    kind: "read",
  },
} as const satisfies Readonly<Record<string, DocumentedOperation>>;
