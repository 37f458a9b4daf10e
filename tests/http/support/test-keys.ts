import type { AccessKey } from "../../../src/access/access-key.ts";
import type { AccessKeys } from "../../../src/access/access-keys.ts";
import type { Scope } from "../../../src/access/scope.ts";

/** Access keys that a test makes up, whose tokens are their names and `-token`. */
export class TestKeys implements AccessKeys {
  isOpen = false;
  /** The tokens that were looked for. */
  readonly asked: string[] = [];
  readonly #keys = new Map<string, AccessKey>();

  /** @returns its token */
  add(name: string, scopes: readonly Scope[], more: Partial<AccessKey> = {}): string {
    const token = `${name}-token`;
    const key = { name, scopes: new Set(scopes), accounts: "", expiresAt: null, rate: null, ...more };
    this.#keys.set(token, key);
    return token;
  }

  revoke(name: string): void {
    this.#keys.delete(`${name}-token`);
  }

  find(token: string): AccessKey | null {
    this.asked.push(token);
    return this.#keys.get(token) ?? null;
  }

  close(): void {}
}
