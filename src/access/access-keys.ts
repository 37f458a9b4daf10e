import type { AccessKey } from "./access-key.ts";

/**
 * The keys that a server takes. It holds them in memory, so that checking one asks nobody, and known keys go on while
 * their store is away. A revoked or expired one is refused within 5 s.
 *
 * `isOpen` and `find` throw LedgerUnavailable as long as the store could not be read since the start.
 */
export interface AccessKeys {
  /** Whether every request is allowed without a key: none was ever made, or the server was told so. */
  readonly isOpen: boolean;
  /**
   * @param token the text after `Bearer `
   * @returns `null` for a token that is none, unknown, revoked or expired: which of them is not told
   */
  find(token: string): AccessKey | null;
  close(): void;
}

/** For a server that is open: the contest's submission, and one that was started with `--open`. */
export const OPEN: AccessKeys = { isOpen: true, find: () => null, close: () => {} };

/** Who asks for what needs no key. */
export const NOBODY: AccessKey = { name: "", scopes: new Set(), accounts: "", expiresAt: null, rate: null };

/** Who asks a server that is open: whoever it is may do everything, and is remembered under no name. */
export const ANYBODY: AccessKey = {
  name: "",
  scopes: new Set(["admin"]),
  accounts: "",
  expiresAt: null,
  rate: null,
};
