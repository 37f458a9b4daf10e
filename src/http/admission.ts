import { type AccessKey } from "../access/access-key.ts";
import { type AccessKeys, ANYBODY, OPEN } from "../access/access-keys.ts";
import { networkOf } from "../access/network.ts";
import { missingScope, type Needs } from "../access/required-scopes.ts";
import { TokenBuckets } from "../access/token-buckets.ts";
import { bounds } from "../bounds.ts";
import {
  forEveryAccount,
  KEY_FOR_PAGES,
  KEY_INVALID,
  KEY_MISSING,
  scopeMissing,
  tooManyRequests,
} from "./access-problems.ts";
import { isOfAnotherSite } from "./another-site.ts";
import type { Parsed } from "./parse.ts";
import type { Problem } from "./problems.ts";

/** How much a server takes, where no balancer in front of it looks after that. */
export interface Limits {
  /** Requests a second; 0: any number. `null`: any number where only this machine can reach it, else the default. */
  readonly perAddress: number | null;
  /** Milliseconds, by which it is counted. Default: the process's own clock. */
  readonly now?: () => number;
}

/** Found right before, and when: in milliseconds. */
interface Known {
  readonly admitted: { readonly ok: true; readonly value: AccessKey };
  at: number;
}

const EVERYTHING = { ok: true, value: ANYBODY } as const;

/** Tells a balancer how many requests a second a key may send. HAProxy takes it out, see deploy/haproxy/haproxy.cfg. */
const KEY_RATE = "razonete-key-rate";

/** As RFC 6750 has it; the scheme's case does not matter. */
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * Lets requests in, or says why not. In this order: the address sends too many; the key is missing or wrong; it sends too
 * many; it lacks a scope.
 *
 * What was found right is remembered by the whole header for half a second, so that the key of a busy client is not hashed
 * for each request. Where many wrong keys come from an address, those that are not remembered are no longer looked at: a
 * right one is then answered like a wrong one, so that guessing is slow and learns nothing, and who was let in before
 * goes on.
 */
export class Admission {
  readonly #keys: AccessKeys;
  readonly #limits: Limits | null;
  readonly #addressOf: (request: Request) => string | null;
  readonly #tellsRates: boolean;
  readonly #known = new Map<string, Known>();
  readonly #perKey: TokenBuckets;
  readonly #perAddress: TokenBuckets;
  readonly #wrong: TokenBuckets;
  #addressRate = 0;

  /**
   * @param addressOf `null`: it is not known, so that wrong keys are not counted by it
   * @param tellsRates to a balancer, which looks after them
   */
  constructor(
    keys: AccessKeys,
    limits: Limits | null,
    addressOf: (request: Request) => string | null,
    tellsRates = false,
  ) {
    this.#keys = keys;
    this.#limits = limits;
    this.#addressOf = addressOf;
    this.#tellsRates = tellsRates;
    this.#perKey = new TokenBuckets(1, bounds.limited_keys_max, limits?.now);
    this.#perAddress = new TokenBuckets(1, bounds.limited_addresses_max, limits?.now);
    this.#wrong = new TokenBuckets(bounds.wrong_keys_seconds, bounds.limited_addresses_max, limits?.now);
  }

  /** To be called as soon as the server knows it. */
  listensFor(onlyThisMachine: boolean): void {
    if (this.#limits === null) return;
    const byDefault = onlyThisMachine ? 0 : bounds.address_requests_per_second;
    this.#addressRate = this.#limits.perAddress ?? byDefault;
  }

  /** Whatever it asks for. `null`: it may go on. */
  refusalOfAddress(request: Request): Problem | null {
    const rate = this.#addressRate;
    if (rate === 0) return null;
    const wait = this.#perAddress.take(networkOf(this.#addressOf(request) ?? ""), rate);
    return wait === 0 ? null : tooManyRequests("address", rate, 1, wait);
  }

  /** The access key that a request came with, if that is good for what it asks for. */
  admit(request: Request, needs: NonNullable<Needs>): Parsed<AccessKey> {
    if (this.#keys.isOpen) {
      // Who tells a server to be open, lets everyone in.
      const isForeign = this.#keys !== OPEN && isOfAnotherSite(request.headers);
      return isForeign ? { ok: false, problem: KEY_FOR_PAGES } : EVERYTHING;
    }
    const header = request.headers.get("authorization");
    if (header === null || header === "") return { ok: false, problem: KEY_MISSING };
    const admitted = this.#find(header, request);
    if (!admitted.ok) return admitted;
    const key = admitted.value;
    if (key.rate !== null && this.#limits !== null) {
      const wait = this.#perKey.take(key.name, key.rate);
      if (wait > 0) return { ok: false, problem: tooManyRequests("key", key.rate, 1, wait) };
    }
    const missing = missingScope(key, needs);
    if (missing !== null) return this.#refuse(key, scopeMissing(missing));
    if (needs.everyAccount === true && key.accounts !== "")
      return this.#refuse(key, forEveryAccount(key.accounts));
    return admitted;
  }

  /**
   * @returns tells whether a request that was let in would still be let in now. Where the keys cannot be looked at, it goes
   * on.
   */
  watch(request: Request, needs: NonNullable<Needs>): () => boolean {
    const header = request.headers.get("authorization") ?? "";
    return () => {
      try {
        if (this.#keys.isOpen) return true;
        const token = BEARER.exec(header)?.[1];
        const key = token === undefined ? null : this.#keys.find(token);
        return key !== null && missingScope(key, needs) === null;
      } catch {
        return true;
      }
    };
  }

  /** An answer to a request that was let in, for who counts the key's requests in front of this server. */
  answered({ rate }: AccessKey, answer: Response): Response {
    if (rate !== null && this.#tellsRates) answer.headers.set(KEY_RATE, String(rate));
    return answer;
  }

  #refuse({ rate }: AccessKey, problem: Problem): Parsed<AccessKey> {
    if (rate === null || !this.#tellsRates) return { ok: false, problem };
    return { ok: false, problem: { ...problem, headers: { ...problem.headers, [KEY_RATE]: String(rate) } } };
  }

  #find(header: string, request: Request): Parsed<AccessKey> {
    const known = this.#known.get(header);
    const now = performance.now();
    if (known !== undefined && now - known.at < bounds.access_key_known_milliseconds) return known.admitted;
    const address = this.#addressOf(request);
    const network = address === null ? null : networkOf(address);
    const count = bounds.wrong_keys_per_address;
    if (known === undefined && network !== null) {
      const wait = this.#wrong.wait(network, count);
      if (wait > 0)
        return {
          ok: false,
          problem: tooManyRequests("wrong-keys", count, bounds.wrong_keys_seconds, wait),
        };
    }
    const token = BEARER.exec(header)?.[1];
    const key = token === undefined ? null : this.#keys.find(token);
    if (key === null) {
      this.#known.delete(header);
      if (network !== null) this.#wrong.take(network, count);
      return { ok: false, problem: KEY_INVALID };
    }
    return this.#remember(header, key, now);
  }

  #remember(header: string, key: AccessKey, at: number): Known["admitted"] {
    const admitted = { ok: true, value: key } as const;
    this.#known.delete(header);
    if (this.#known.size >= bounds.access_keys_known_max) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(header, { admitted, at });
    return admitted;
  }
}
