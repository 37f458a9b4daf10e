import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { promtool } from "./observer-programs.ts";

/** What Prometheus has of a metric: of each of its series a value at each step, in their order. */
interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `null`: there was none. */
  readonly values: readonly (number | null)[];
}

export interface Recording {
  readonly startedAt: number;
  readonly series: readonly Series[];
}

/** That of the real Prometheus. */
const STEP_SECONDS = 5;

const rangeAnswer = z.object({
  data: z.object({
    result: z.array(
      z.object({
        metric: z.record(z.string(), z.string()),
        values: z.array(z.tuple([z.number(), z.string()])),
      }),
    ),
  }),
});

/** @param seconds how long ago it begins; until now */
export async function record(
  prometheusUrl: string,
  names: readonly string[],
  seconds: number,
): Promise<Recording> {
  const end = Math.floor(Date.now() / 1000);
  const startedAt = end - seconds;
  const times = Array.from(
    { length: Math.floor(seconds / STEP_SECONDS) },
    (_, at) => startedAt + at * STEP_SECONDS,
  );
  const series: Series[] = [];
  for (const name of names) {
    const query = new URLSearchParams({
      query: name,
      start: String(startedAt),
      end: String(times.at(-1)),
      step: String(STEP_SECONDS),
    });
    const answer = await fetch(`${prometheusUrl}/api/v1/query_range?${query.toString()}`);
    for (const { metric, values } of rangeAnswer.parse(await answer.json()).data.result) {
      const found = new Map(values.map(([time, value]) => [time, Number(value)]));
      const { __name__: _, ...labels } = metric;
      series.push({ name, labels, values: times.map((time) => found.get(time) ?? null) });
    }
  }
  return { startedAt, series };
}

/**
 * What fires where what was recorded goes on for `minutes`, again and again from its beginning: what is counted counts on,
 * and what was a time is as long ago, or ahead. With the rules as they are.
 *
 * @param folder for the tool's file
 * @returns what the tool has to say; empty where nothing fires
 */
export function replay(
  { startedAt, series }: Recording,
  { rulesFile, alerts, minutes, folder }: ReplayOptions,
): string {
  const steps = (minutes * 60) / STEP_SECONDS;
  const tests = {
    rule_files: [rulesFile],
    evaluation_interval: `${STEP_SECONDS}s`,
    tests: [
      {
        interval: `${STEP_SECONDS}s`,
        input_series: series.map((one) => ({
          series: nameOf(one),
          values: stretched(one, startedAt, steps),
        })),
        alert_rule_test: alerts.flatMap((alertname) =>
          Array.from({ length: minutes * 2 }, (_, half) => ({
            alertname,
            eval_time: `${(half + 1) * 30 - STEP_SECONDS}s`,
            exp_alerts: [],
          })),
        ),
      },
    ],
  };
  const file = join(folder, "replay.yml");
  // JSON is YAML, too.
  writeFileSync(file, JSON.stringify(tests));
  const { exitCode, stdout, stderr } = promtool("test", "rules", file);
  return exitCode === 0 ? "" : `${stdout.toString()}${stderr.toString()}`;
}

export interface ReplayOptions {
  readonly rulesFile: string;
  readonly alerts: readonly string[];
  readonly minutes: number;
  readonly folder: string;
}

function nameOf({ name, labels }: Series): string {
  const chosen = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return `${name}{${chosen.join(",")}}`;
}

/** In the tool's world it is 1970. */
function stretched({ name, values }: Series, startedAt: number, steps: number): string {
  const known = values.filter((value) => value !== null);
  const rise = /_(?:total|bucket|count)$/.test(name) ? (known.at(-1) ?? 0) - (known[0] ?? 0) : 0;
  const since = name.endsWith("_timestamp_seconds") ? startedAt : 0;
  return Array.from({ length: steps }, (_, step) => {
    const value = values[step % values.length] ?? null;
    return value === null ? "_" : String(value - since + rise * Math.floor(step / values.length));
  }).join(" ");
}
