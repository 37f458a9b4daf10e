import type { AccountId, Micros } from "../ledger/account.ts";
import type { Scope } from "./scope.ts";

/** An access key, as it is kept: what it allows, and nothing of its secret but a hash. */
export interface AccessKey {
  /** 1 to 32 characters `[a-z0-9-]`, the first no hyphen. Unique among all keys that were ever made. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  /** What the id of each account begins with that it may see or touch; empty for all. */
  readonly accounts: string;
  /** `null`: never. */
  readonly expiresAt: Micros | null;
  /** Requests a second, see docs/security.md; `null`: only what holds for its address. */
  readonly rate: number | null;
}

/** Whether the key may see and touch this account. */
export function mayUse(key: AccessKey, account: AccountId): boolean {
  return account.startsWith(key.accounts);
}

/** Whether it has this scope. */
export function hasScope({ scopes }: AccessKey, scope: Scope): boolean {
  return scopes.has(scope) || scopes.has("admin");
}
