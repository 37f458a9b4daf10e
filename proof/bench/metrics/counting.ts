import { EdgeCounters } from "../../../src/metrics/edge-counters.ts";
import { DecideMeasures } from "../../../src/metrics/hot-histogram.ts";
import { type Spread, spreadOf } from "../statistics.ts";

const SAMPLES = 400;
const IN_SAMPLE = 2_000;

/** All that is done to measure one transaction: at the edge, and around the batch that it is alone in. In microseconds. */
export function measureCounting(): Spread {
  const counters = new EdgeCounters();
  const route = counters.add("/clientes/:id/transacoes", "POST", "contest");
  const measures = new DecideMeasures();
  const outcome = { type: "accepted", replayed: false } as const;
  const one = (): void => {
    const startedAt = performance.now();
    const begunAt = performance.now();
    const decidedAt = performance.now();
    measures.decided(1, begunAt, decidedAt);
    counters.decided("transact", outcome);
    counters.answered(route, 200, startedAt);
  };
  const taken: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const startedAt = performance.now();
    for (let count = 0; count < IN_SAMPLE; count += 1) one();
    taken.push(((performance.now() - startedAt) * 1000) / IN_SAMPLE);
  }
  // The first ones are those of the JIT compilers.
  return spreadOf(taken.slice(taken.length / 2));
}
