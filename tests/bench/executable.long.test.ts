import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { statSync } from "node:fs";
import type { ExecutableBenchResult } from "../../proof/bench/executable.ts";
import { EXECUTABLE } from "../../src/build/programs.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { benchToTheEnd, wrkMissing } from "../support/start-bench.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const MEGABYTE = 1e6;

describe.skipIf(wrkMissing() !== null)("razonete bench executable", () => {
  test("starts and loads the executable and the source in turn, and leaves nothing behind", async () => {
    const { output, said } = await benchToTheEnd("executable", "--rounds", "2");
    expect(said).toContain("executable to source");
    const { result }: { result: ExecutableBenchResult } = JSON.parse(output);
    const { bytes, samples, ratios } = result;
    expect(bytes.executable).toBe(statSync(EXECUTABLE).size);
    expect(bytes.source.bun).toBe(statSync(process.execPath).size);
    // The executable contains Bun.
    expect(bytes.executable).toBeGreaterThan(bytes.source.bun);
    for (const part of Object.values(bytes.source)) expect(part).toBeGreaterThan(MEGABYTE / 4);
    for (const program of ["executable", "source"] as const) {
      expect(samples[program]).toHaveLength(2);
      for (const sample of samples[program]) {
        expect(sample.firstAnswerMilliseconds).toBeGreaterThan(1);
        expect(sample.firstAnswerCpuMilliseconds).toBeGreaterThan(1);
        expect(sample.firstAnswerBytes).toBeGreaterThan(10 * MEGABYTE);
        expect(sample.loadedBytes).toBeGreaterThan(sample.firstAnswerBytes);
        expect(sample.requests).toBeGreaterThan(10);
      }
    }
    const [one, other] = [samples.executable, samples.source].map((of) => of[0]?.firstAnswerBytes ?? 0);
    const first = (one ?? 0) / (other ?? 0);
    expect(ratios.firstAnswerBytes.least).toBeLessThanOrEqual(first);
    expect(ratios.firstAnswerBytes.greatest).toBeGreaterThanOrEqual(first);
  });
});
