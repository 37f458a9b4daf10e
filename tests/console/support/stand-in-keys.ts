import type { AccessKey } from "../../../src/access/access-key.ts";
import type { AccessKeys } from "../../../src/access/access-keys.ts";
import type { Scope } from "../../../src/access/scope.ts";

/** Access keys that a test makes up, whose texts are their names. */
export class StandInKeys implements AccessKeys {
  readonly isOpen = false;
  readonly #keys = new Map<string, AccessKey>();

  add(name: string, scopes: readonly Scope[], accounts = ""): void {
    this.#keys.set(name, { name, scopes: new Set(scopes), accounts, expiresAt: null, rate: null });
  }

  revoke(name: string): void {
    this.#keys.delete(name);
  }

  find(token: string): AccessKey | null {
    return this.#keys.get(token) ?? null;
  }

  close(): void {}
}
