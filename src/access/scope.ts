/** What an access key may be allowed to do. See docs/security.md. */
export const SCOPES = [
  "accounts:read",
  "accounts:write",
  "transactions:read",
  "transactions:write",
  "holds:write",
  "events:read",
  "webhooks:write",
  "ledger:read",
  /** Postings from and to `@world`, and whatever moves money so: captures, reversals, the contest's transactions. */
  "world:write",
  /** All of the others, for every account, and what is about the server itself. */
  "admin",
] as const;

export type Scope = (typeof SCOPES)[number];

export function isScope(text: string): text is Scope {
  return SCOPES.some((scope) => scope === text);
}
