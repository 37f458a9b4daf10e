import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { LagComparison } from "../../proof/bench/lag.ts";
import { lagsOf } from "../../proof/bench/lag-watch.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { benchToTheEnd, wrkMissing } from "../support/start-bench.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const missing = serversMissing ?? wrkMissing();

const snapshot = (at: number, ...seqs: readonly number[]) => ({
  at,
  seqs: new Map(seqs.map((seq, index) => [String(index + 1), seq])),
});

describe("the lag of an answer", () => {
  const snapshots = [
    snapshot(0, 10, 0),
    snapshot(2, 10, 1),
    snapshot(4, 12, 1),
    snapshot(6, 12, 1),
    snapshot(8, 15, 2),
  ];

  test("ends with the first snapshot of the books that shows its entry", () => {
    const answers = [
      { at: 1, account: "1", seq: 11 },
      { at: 1.5, account: "1", seq: 12 },
      { at: 3, account: "1", seq: 13 },
      { at: 5, account: "2", seq: 2 },
    ];
    expect(lagsOf(answers, snapshots)).toEqual([3, 2.5, 5, 3]);
  });

  test("is 0 if the books had the entry before the answer was seen", () => {
    expect(lagsOf([{ at: 7, account: "2", seq: 1 }], snapshots)).toEqual([0]);
  });

  test("without an end is an error", () => {
    expect(() => lagsOf([{ at: 1, account: "1", seq: 16 }], snapshots)).toThrow(
      "entry 16 of account 1 never came",
    );
  });
});

describe.skipIf(missing !== null)("razonete bench lag", () => {
  test("measures the lag beside the answers of bare servers under the same loads", async () => {
    const short = ["--rounds", "2", "--seconds", "1", "--connections", "4", "--cpus", "0"];
    const { output, said } = await benchToTheEnd("lag", ...short);
    expect(said).toContain("lag to bare's answer");
    const { result }: { result: LagComparison[] } = JSON.parse(output);
    expect(result.map(({ load }) => load)).toEqual([
      "340 a second, a connection each",
      "saturation, 4 connections",
    ]);
    for (const [index, { samples, ratios }] of result.entries()) {
      expect([samples.this.length, samples.bare.length]).toEqual([2, 2]);
      for (const sample of [...samples.this, ...samples.bare]) {
        expect(sample.answers).toBe(index === 0 ? 340 : 50);
        expect(sample.answerP50Milliseconds).toBeGreaterThan(0.05);
        expect(sample.answerP99Milliseconds).toBeGreaterThanOrEqual(sample.answerP50Milliseconds);
        expect(sample.answerMaxMilliseconds).toBeGreaterThanOrEqual(sample.answerP99Milliseconds);
        // The load that saturates it is counted as well.
        if (index === 0) expect(sample.requestsPerSecond).toBe(sample.answersPerSecond);
        else expect(sample.requestsPerSecond).toBeGreaterThan(2 * sample.answersPerSecond);
      }
      for (const sample of samples.this) {
        // A snapshot every 5 ms.
        expect(sample.resolutionMilliseconds).toBeGreaterThanOrEqual(5);
        // An entry is committed after its answer, so some of them are not there at once.
        expect(sample.lagP99Milliseconds).toBeGreaterThan(0);
        expect(sample.lagMaxMilliseconds).toBeGreaterThanOrEqual(sample.lagP99Milliseconds);
      }
      const toBare = samples.this.map(
        ({ lagP99Milliseconds }, round) =>
          lagP99Milliseconds / (samples.bare[round]?.answerP99Milliseconds ?? 0),
      );
      expect(ratios.lagP99.least).toBe(Math.min(...toBare));
      expect(ratios.lagP99.greatest).toBe(Math.max(...toBare));
    }
  });
});
