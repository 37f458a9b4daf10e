import { Latencies } from "./latencies.ts";
import type { RequestKind, KindResult } from "../run-result.ts";

/** Counts, outcomes and latencies of one kind of request, or of all. */
class KindStatistics {
  readonly latencies = new Latencies();
  readonly #outcomes = new Map<string, number>();
  #failures = 0;

  add(milliseconds: number, outcome: string): void {
    this.latencies.add(milliseconds);
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
  }

  addFailure(): void {
    this.#failures += 1;
  }

  result(kind: KindResult["kind"]): KindResult {
    return {
      kind,
      requests: this.latencies.count,
      failures: this.#failures,
      latency: this.latencies.summary(),
      outcomes: Object.fromEntries(this.#outcomes),
    };
  }
}

const KINDS: readonly RequestKind[] = ["debit", "credit", "statement", "check"];

/** Counts, outcomes and latencies of the requests that the official test counts, by kind and in total. */
export class RequestStatistics {
  readonly #total = new KindStatistics();
  readonly #kinds = new Map<RequestKind, KindStatistics>(KINDS.map((kind) => [kind, new KindStatistics()]));

  /** @param outcome a status code as text, or the name of a transport failure */
  add(kind: RequestKind, milliseconds: number, outcome: string): void {
    this.#total.add(milliseconds, outcome);
    this.#kinds.get(kind)?.add(milliseconds, outcome);
  }

  /** A failure, which need not belong to a counted request: the balances at the end are read beyond the official test. */
  addFailure(kind: RequestKind): void {
    this.#total.addFailure();
    this.#kinds.get(kind)?.addFailure();
  }

  get latencies(): Latencies {
    return this.#total.latencies;
  }

  total(): KindResult {
    return this.#total.result("total");
  }

  kinds(): KindResult[] {
    return [...this.#kinds].map(([kind, statistics]) => statistics.result(kind));
  }
}
