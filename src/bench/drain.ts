import { StartError } from "../errors.ts";
import { BenchProgress } from "./bench-progress.ts";
import { startStackTarget, THIS_CHECKOUT } from "./stack-target.ts";
import { grouped } from "./statistics.ts";
import { cpuSince, readCpu } from "./target.ts";
import { type BenchContext, Workshop } from "./workshop.ts";
import { runWrk } from "./wrk.ts";

export interface DrainBenchOptions {
  /** How many pile up. */
  readonly entries: number;
  readonly connections: number;
  readonly cpus: number;
}

export interface DrainBenchResult {
  readonly entries: number;
  /** From when the writer goes on to when the outbox is empty, to some 0.1 s: it is trimmed that often. */
  readonly seconds: number;
  readonly entriesPerSecond: number;
  /** For each entry, by process. */
  readonly cpuMicrosecondsByProcess: Readonly<Record<string, number>>;
}

const WRITER = "writer-1";
const SLICE_SECONDS = 2;

/**
 * How fast the writer brings a backlog into the books: it is stopped while transactions are offered, then goes on,
 * and nothing else is asked meanwhile.
 *
 * @throws StartError where the outbox is full before so many are in it
 */
export async function benchDrain(
  options: DrainBenchOptions,
  context: BenchContext,
): Promise<DrainBenchResult> {
  const { say, signals } = context;
  await using workshop = new Workshop(context);
  const missing = options.cpus === 0 ? null : Workshop.limitsMissing();
  if (missing !== null) say(`Without limits of CPU: ${missing}`);
  const target = await workshop.start("this", options.cpus, (place) =>
    startStackTarget("this", THIS_CHECKOUT, place, signals.stop),
  );
  const writer = target.processes().find(({ name }) => name === WRITER);
  if (writer === undefined) throw new StartError(`the stack has no ${WRITER}.`);
  const load = {
    url: target.url,
    connections: options.connections,
    seconds: SLICE_SECONDS,
    signal: signals.stop,
  };
  await runWrk(load);
  await target.settle();

  let entries = 0;
  const progress = new BenchProgress(
    `letting ${grouped(options.entries, 0)} entries pile up`,
    options.entries,
  );
  process.kill(writer.pid, "SIGSTOP");
  try {
    while (entries < options.entries) {
      const { requests } = await runWrk(load);
      entries += requests;
      progress.step(requests);
    }
  } finally {
    process.kill(writer.pid, "SIGCONT");
    progress.stop();
  }
  const before = readCpu(target);
  const begun = performance.now();
  await target.settle();
  const seconds = (performance.now() - begun) / 1000;
  const used = [...cpuSince(target, before)].map(([name, cpu]) => [name, cpu / entries] as const);
  const result = {
    entries,
    seconds,
    entriesPerSecond: entries / seconds,
    cpuMicrosecondsByProcess: Object.fromEntries(used),
  };
  const rate = grouped(result.entriesPerSecond, 0);
  say(
    `${grouped(entries, 0)} entries were brought into the books in ${grouped(seconds, 1)} s: ${rate} a second`,
  );
  const each = used.filter(([, cpu]) => cpu >= 0.05).map(([name, cpu]) => `${name} ${grouped(cpu, 1)}`);
  say(`CPU µs for each: ${each.join(", ")}`);
  return result;
}
