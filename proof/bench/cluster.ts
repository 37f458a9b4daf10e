import { startBareTarget } from "./bare-target.ts";
import { type Ratios, ratiosOf } from "./ratios.ts";
import { compareTargets, type Comparison, warmUp } from "./measurement.ts";
import { checkAgainst, pairsOf, startLedgers } from "./shapes.ts";
import { describeComparison } from "./tables.ts";
import { type BenchContext, BenchEnvironment } from "./bench-environment.ts";

export interface ClusterBenchOptions {
  readonly connections: readonly number[];
  /** How many times each target is measured, in turn, for each line of the table. */
  readonly rounds: number;
  /** Length of one measurement. */
  readonly seconds: number;
  /** What all processes of a target together may use, in CPUs; 0: no limit. */
  readonly cpus: readonly number[];
  readonly what: readonly ("transactions" | "statements")[];
  /** The folder of another checkout, to be measured in turn with this one. */
  readonly against?: string;
}

interface ClusterComparison extends Comparison {
  readonly cpus: number;
  readonly ratios: readonly Ratios[];
}

export interface ClusterBenchResult {
  readonly comparisons: readonly ClusterComparison[];
}

/**
 * Measures the cluster at saturation, beside bare servers behind the same balancer, and beside another checkout if
 * one is given. They are measured in turn, in one run, so that a busy machine slows all of them equally: quote the
 * ratios. All of them run all the time. Those that are not being measured only do their health checks.
 *
 * @throws StartError if a target does not start or does not answer
 */
export async function benchCluster(
  options: ClusterBenchOptions,
  context: BenchContext,
): Promise<ClusterBenchResult> {
  const { say, signals } = context;
  checkAgainst(options.against);
  await using environment = new BenchEnvironment(context);
  say(`${options.rounds} rounds of ${options.seconds} s; medians (least to greatest)`);
  say("CPU is that of all processes for each request, up to when it is in the books\n");
  const comparisons: ClusterComparison[] = [];
  for (const cpus of settableLimits(options.cpus, say)) {
    const bare = await environment.start(`bare-${cpus}`, cpus, startBareTarget);
    const targets = [
      bare,
      ...(await startLedgers("cluster", options.against, cpus, environment, signals.stop)),
    ];
    const pairs = pairsOf(targets);
    for (const target of targets) await warmUp(target, { seconds: options.seconds, signal: signals.stop });
    for (const what of options.what) {
      for (const connections of options.connections) {
        const title = titleOf(what, connections, cpus);
        const load = { connections, seconds: options.seconds, what, signal: signals.stop };
        const measuredTargets = targets.map((target) => ({ target, load }));
        const compared = await compareTargets(title, measuredTargets, options.rounds);
        const comparison = { cpus, ...compared, ratios: ratiosOf(compared, pairs) };
        comparisons.push(comparison);
        for (const line of [title, ...describeComparison(comparison), ""]) say(line);
      }
    }
    for (const target of targets) await environment.end(target);
  }
  return { comparisons };
}

/** The CPU limits to measure with. If none can be set here, says so and measures without. */
function settableLimits(cpus: readonly number[], say: (line: string) => void): readonly number[] {
  const missing = BenchEnvironment.limitsMissing();
  if (missing === null || cpus.every((each) => each === 0)) return cpus;
  say(`Without limits of CPU: ${missing}`);
  return [0];
}

function titleOf(what: string, connections: number, cpus: number): string {
  const over = `${connections} connection${connections === 1 ? "" : "s"}`;
  return `${what}, ${over}, ${cpus === 0 ? "no limit" : `at most ${cpus} CPU for each system`}`;
}
