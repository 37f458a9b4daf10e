/** So many in so many seconds. */
export interface Quota {
  readonly count: number;
  readonly seconds: number;
}

interface Bucket {
  tokens: number;
  /** In milliseconds, when it had so many. */
  at: number;
}

/**
 * How much each of many has left of a quota: a bucket that fills up evenly, and is full at first.
 *
 * A bucket that nobody has used for as long as it takes to fill is a full one, and is forgotten: there are two
 * generations, of which the older one goes whenever the younger one has lasted that long. It also goes when the younger
 * one is full, so memory has a bound; who comes from very many addresses at once may so have more than its quota.
 */
export class TokenBuckets {
  readonly #seconds: number;
  readonly #max: number;
  readonly #now: () => number;
  #young = new Map<string, Bucket>();
  #old = new Map<string, Bucket>();
  #since: number;

  /**
   * @param seconds those of every quota
   * @param max buckets in a generation
   * @param now milliseconds
   */
  constructor(seconds: number, max: number, now: () => number = () => performance.now()) {
    this.#seconds = seconds;
    this.#max = max;
    this.#now = now;
    this.#since = now();
  }

  /** Takes one token. @returns 0, or how many seconds it takes until there is one, if there is none */
  take(name: string, count: number): number {
    const bucket = this.#bucket(name, count);
    const wait = this.#wait(bucket, count);
    if (wait === 0) bucket.tokens -= 1;
    return wait;
  }

  /** The same without taking it. */
  wait(name: string, count: number): number {
    const bucket = this.#young.get(name) ?? this.#old.get(name);
    return bucket === undefined ? 0 : this.#wait(this.#filled(bucket, count), count);
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  #bucket(name: string, count: number): Bucket {
    const now = this.#now();
    if (now - this.#since >= this.#seconds * 1000 || this.#young.size >= this.#max) {
      // Both have lasted long enough, where nobody came meanwhile.
      this.#old = now - this.#since >= this.#seconds * 2000 ? new Map() : this.#young;
      this.#young = new Map();
      this.#since = now;
    }
    const young = this.#young.get(name);
    if (young !== undefined) return this.#filled(young, count);
    const bucket = this.#old.get(name) ?? { tokens: count, at: now };
    this.#young.set(name, bucket);
    return this.#filled(bucket, count);
  }

  #filled(bucket: Bucket, count: number): Bucket {
    const now = this.#now();
    bucket.tokens = Math.min(count, bucket.tokens + ((now - bucket.at) / 1000) * (count / this.#seconds));
    bucket.at = now;
    return bucket;
  }

  #wait({ tokens }: Bucket, count: number): number {
    return tokens >= 1 ? 0 : (1 - tokens) * (this.#seconds / count);
  }
}
