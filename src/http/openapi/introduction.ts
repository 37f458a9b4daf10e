/** What the document says before its routes, in Markdown. */
export const INTRODUCTION = `- Amounts, balances and limits are integers in the smallest part of the account's unit, within ±(2^53 - 1). Numbers that
  are integers may be written with a fraction or an exponent (\`10.0\`, \`1e3\`). Times are RFC 3339, UTC, with microseconds.
- Members of a body and parameters of a query that a route does not know are refused. In a POST \`null\` is the same as
  leaving a member out.
- Give each POST and PATCH an \`Idempotency-Key\`: sent again with the same key and content it is done once, and answered
  as the first time, with the header \`Idempotency-Replayed\`.
- An answer of 2xx is durable, and shows the state after the command, of that very moment.
- Errors are \`application/problem+json\` (RFC 9457). Programs may depend on \`type\` and \`status\`.
- Lists come in pages: \`cursor\` takes the \`next\` of the page before, and the header \`Link\` has its path.
- A GET may be a HEAD as well. A path that is not here is answered as the response \`RouteNotFound\`, a method that a path
  does not have as \`MethodNotAllowed\`, and both as \`TooManyRequests\` to who sends too many.
- Answers may get further members: ignore those that you do not know.`;

export const TAGS = [
  { name: "Accounts", description: "Who has how much, up to which limit." },
  { name: "Transactions", description: "Money from account to account." },
  { name: "Holds", description: "Amounts set aside, to be captured or released." },
  { name: "Batches", description: "Many commands in one request." },
  { name: "Events", description: "What was decided, in order, as it happens." },
  { name: "Webhooks", description: "Who is told of events, and of balances that cross a line." },
  { name: "Reading", description: "History and totals." },
  { name: "Contest", description: "The two routes of Rinha de Backend 2024/Q1, for every account." },
  { name: "Server", description: "Health, and this document." },
] as const;
