import { NO_COUNTS, type TortureResult } from "../../../proof/torture/report/torture-result.ts";

/** The result of a run that found nothing, but for what is given. */
export function resultWith(some: Partial<TortureResult>): TortureResult {
  const seed = some.seed ?? 1;
  return {
    format: "razonete-torture-5",
    startedAt: "2024-01-17T02:34:41.217Z",
    command: `npm run torture -- --seed ${seed}`,
    seed,
    system: "cluster",
    shards: 1,
    replicas: 0,
    kinds: ["kill", "disk"],
    secondsWanted: 120,
    loadSeconds: 120,
    rounds: 6,
    interrupted: false,
    counts: NO_COUNTS,
    harms: [],
    cannot: [],
    restores: [],
    commandsDone: [],
    violationsInAll: 0,
    violations: [],
    violatedAfterSeconds: null,
    healSecondsMax: 1.5,
    folder: null,
    versions: { razonete: "0.1.0", bun: "1.4.5", platform: "linux x64", cores: 2 },
    ...some,
  };
}
