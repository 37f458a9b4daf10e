import { bounds } from "../bounds.ts";
import { messageOf } from "../errors.ts";
import type { Micros } from "../ledger/account.ts";
import { LedgerUnavailable } from "../ledger/ledger.ts";
import type { AccessKey } from "./access-key.ts";
import type { AccessKeys } from "./access-keys.ts";
import type { AccessKeySource, KeptKey } from "./kept-key.ts";
import { hashOf, isToken } from "./token.ts";

export interface KnownKeysOptions {
  readonly source: AccessKeySource;
  /** How often it is looked whether keys were made or revoked. */
  readonly lookMilliseconds: number;
  /** Called with one line when something of this changes. */
  readonly report: (line: string) => void;
  readonly clock?: () => Micros;
}

/**
 * The keys of a store, known in memory. A timer looks for changes; a request never waits for the store.
 *
 * It begins closed. Where it may be open, it is until the first key is made, and never again: a store that has no keys
 * any more was lost or exchanged. As long as the store was never read, nobody can say whether a key was made, and every
 * request is unavailable.
 */
export class KnownKeys implements AccessKeys {
  readonly #source: AccessKeySource;
  readonly #lookMilliseconds: number;
  readonly #report: (line: string) => void;
  readonly #clock: () => Micros;
  /** Those that are not revoked, by their hashes; null: the store was not read yet. */
  #valid: ReadonlyMap<string, KeptKey> | null = null;
  /** How many the store had, revoked ones too. */
  #kept = 0;
  #wasMade = false;
  #mayBeOpen = false;
  #failing = false;
  #closed = false;
  #timer: Timer | undefined;

  constructor(options: KnownKeysOptions) {
    this.#source = options.source;
    this.#lookMilliseconds = options.lookMilliseconds;
    this.#report = options.report;
    this.#clock = options.clock ?? (() => Date.now() * 1000);
  }

  /** Whether any key was ever made; null: not known yet. */
  get wasMade(): boolean | null {
    return this.#valid === null ? null : this.#wasMade;
  }

  get isOpen(): boolean {
    this.#known();
    return this.#mayBeOpen && !this.#wasMade;
  }

  /**
   * A look-up by hash takes a time that tells nothing: it depends on the hash of what was sent, and who does not know the
   * key cannot choose what its hash begins with.
   */
  find(token: string): AccessKey | null {
    const valid = this.#known();
    if (!isToken(token)) return null;
    const key = valid.get(hashOf(token));
    if (key === undefined) return null;
    return key.expiresAt !== null && key.expiresAt <= this.#clock() ? null : key;
  }

  /** From now on it is open as long as no key is made. */
  openUntilMade(): void {
    this.#mayBeOpen = true;
  }

  /** Looks once. Throws what the store throws; what was known stays. */
  async look(): Promise<void> {
    const keys = await this.#source.readChanged();
    if (keys === null) return;
    const wasOpen = this.#valid !== null && this.isOpen;
    // Also a revoked one stays in the store.
    if (keys.length === 0 && this.#kept > 0)
      this.#report(
        "the access keys are gone: every request is refused until they are put back, or one is made.",
      );
    this.#kept = keys.length;
    this.#wasMade ||= keys.length > 0;
    this.#valid = new Map(keys.filter(({ revokedAt }) => revokedAt === null).map((key) => [key.hash, key]));
    if (wasOpen && this.#wasMade)
      this.#report("an access key was made: from now on every request needs one.");
  }

  /** Looks once. Where that fails, it is reported, once, and so is that it works again. */
  async lookOrReport(): Promise<void> {
    const wasKnown = this.#valid !== null;
    try {
      await this.look();
    } catch (error) {
      const effect = wasKnown ? "those that are known go on" : "every request is answered 503 until they can";
      if (!this.#failing && !this.#closed)
        this.#report(`the access keys cannot be read (${messageOf(error)}): ${effect}.`);
      this.#failing = true;
      return;
    }
    if (!this.#failing) return;
    this.#failing = false;
    const effect = this.isOpen ? "every request is taken" : "every request is refused";
    this.#report(
      wasKnown || this.#wasMade
        ? "the access keys can be read again."
        : `no access key was made (razonete keys create): ${effect} until there is one.`,
    );
  }

  /** Looks again and again until it is closed. */
  watch(): void {
    const delay =
      this.#failing || this.#valid === null ? bounds.access_keys_retry_milliseconds : this.#lookMilliseconds;
    this.#timer = setTimeout(() => void this.#lookAgain(), delay);
    this.#timer.unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#source.close().catch(() => {});
  }

  async #lookAgain(): Promise<void> {
    await this.lookOrReport();
    if (!this.#closed) this.watch();
  }

  /** @throws LedgerUnavailable */
  #known(): ReadonlyMap<string, KeptKey> {
    if (this.#valid === null) throw new LedgerUnavailable("the access keys are not known yet", "none");
    return this.#valid;
  }
}
